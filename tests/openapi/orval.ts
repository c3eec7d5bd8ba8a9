// What `openapi-fetch.ts` does, with the functions that orval makes.
import { createApiKey, devMail, getLeaderboard, login, register, verifyApiKey, verifyEmail } from './generated/orval';
import type { ApiKeyVerdict, Flag, ProblemCode } from './generated/orval';

function meaning(flag: Flag): string {
  switch (flag) {
    case 'missing_cost':
    case 'counts_only':
    case 'score_only':
      return 'something is not known';
    case 'self_reported':
    case 'dirty_harness':
    case 'contamination':
    case 'best_of_n':
    case 'other_conditions':
    case 'unpinned':
      return 'something is doubtful';
  }
}

function outcome(verdict: ApiKeyVerdict): string {
  if (verdict.valid) {
    const left: number = verdict.rateLimit.remaining;
    const owner: string = verdict.userId;
    return `${owner} has ${left} left`;
  }
  const reason: Exclude<ApiKeyVerdict['code'], 'valid'> = verdict.code;
  return reason;
}

export async function run(email: string, password: string): Promise<string[]> {
  const registered = await register({ email, password });
  if (registered.status !== 202) throw new Error(registered.data.code);
  const mails = await devMail({ to: email });
  if (mails.status !== 200) throw new Error(mails.data.code);
  const token = mails.data.data[0]?.text.match(/token=([^\s&]+)/)?.[1] ?? '';
  const verified = await verifyEmail({ token, password });
  if (verified.status !== 200) throw new Error(verified.data.code);
  const session = await login({ email, password });
  if (session.status !== 200) throw new Error(session.data.code);
  if (!('accessToken' in session.data)) throw new Error(session.data.status);
  const headers = { Authorization: `Bearer ${session.data.accessToken}` };
  const created = await createApiKey({ name: 'service', scopes: ['keys:verify'] }, { headers });
  if (created.status !== 201) throw new Error(created.data.code);
  const key = created.data.key;
  const verdict = await verifyApiKey({ key }, { headers: { 'X-API-Key': key } });
  if (verdict.status !== 200) throw new Error(verdict.data.code);
  const board = await getLeaderboard({ sort: 'score' });
  if (board.status === 304) return [outcome(verdict.data)];
  if (board.status !== 200) {
    const code: ProblemCode = board.data.code;
    return [outcome(verdict.data), code];
  }
  return [outcome(verdict.data), ...board.data.data.flatMap((row) => row.flags.map(meaning))];
}
