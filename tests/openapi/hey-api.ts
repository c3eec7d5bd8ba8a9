// What `openapi-fetch.ts` does, with the client that @hey-api/openapi-ts makes.
import { client } from './generated/hey-api/client.gen';
import { createApiKey, devMail, getLeaderboard, login, register, verifyApiKey, verifyEmail } from './generated/hey-api';
import type { ApiKeyVerdict, Flag, ProblemCode } from './generated/hey-api';

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

export async function run(baseUrl: string, email: string, password: string): Promise<string[]> {
  client.setConfig({ baseUrl, throwOnError: true });
  await register({ body: { email, password }, throwOnError: true });
  const mails = await devMail({ query: { to: email }, throwOnError: true });
  const token = mails.data.data[0]?.text.match(/token=([^\s&]+)/)?.[1] ?? '';
  await verifyEmail({ body: { token, password }, throwOnError: true });
  const session = await login({ body: { email, password }, throwOnError: true });
  if (!('accessToken' in session.data)) throw new Error(session.data.status);
  const headers = { Authorization: `Bearer ${session.data.accessToken}` };
  const created = await createApiKey({ headers, body: { name: 'service', scopes: ['keys:verify'] }, throwOnError: true });
  const key = created.data.key;
  const verdict = await verifyApiKey({ headers: { 'X-API-Key': key }, body: { key }, throwOnError: true });
  const board = await getLeaderboard({ query: { sort: 'score' } });
  if (board.data === undefined) {
    const code: ProblemCode = board.error.code;
    return [outcome(verdict.data), code];
  }
  return [outcome(verdict.data), ...board.data.data.flatMap((row) => row.flags.map(meaning))];
}
