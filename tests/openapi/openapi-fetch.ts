// Registers somebody at the server of the first argument, under the address of the second, and reads the leaderboard of
// the benchmark of the third: with what openapi-typescript makes of the document. Prints what it saw as JSON.
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/openapi-typescript';

type Flag = components['schemas']['Flag'];
type Verdict = components['schemas']['ApiKeyVerdict'];

declare const process: { argv: string[] };

const [, , baseUrl = '', email = '', benchmark = ''] = process.argv;
const password = 'violet lantern over quiet water';
const client = createClient<paths>({ baseUrl });

function given<T, E extends { code: string }>({ data, error }: { data?: T; error?: E }): T {
  if (data === undefined) throw new Error(error?.code ?? 'there is no answer');
  return data;
}

function meaning(flag: Flag): string {
  switch (flag) {
    case 'missing_cost':
      return 'the cost is not known';
    case 'self_reported':
      return 'only the vendor has looked';
    case 'counts_only':
    case 'score_only':
      return 'there are no results by task';
    case 'dirty_harness':
      return 'the harness had changes';
    case 'contamination':
      return 'the model may have seen the tasks';
    case 'best_of_n':
    case 'other_conditions':
      return 'the best of several attempts';
    case 'unpinned':
      return 'which commit was run is not told';
  }
}

/** What is left of the key's limit, or why it is not let in. */
function outcome(verdict: Verdict): string {
  if (verdict.valid) {
    const left: number = verdict.rateLimit.remaining;
    const owner: string = verdict.userId;
    return `${owner} has ${left} left`;
  }
  const reason: Exclude<Verdict['code'], 'valid'> = verdict.code;
  const owner: string | null = verdict.userId;
  return `${owner ?? 'nobody'} is refused: ${reason}`;
}

async function mailedToken(): Promise<string> {
  for (;;) {
    const mails = given(await client.GET('/dev/mail', { params: { query: { to: email } } }));
    const token = mails.data[0]?.text.match(/token=([^\s&]+)/)?.[1];
    if (token !== undefined) return token;
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

given(await client.POST('/api/v1/auth/register', { body: { email, password } }));
const token = await mailedToken();
given(await client.POST('/api/v1/auth/verify-email', { body: { token, password } }));
const session = given(await client.POST('/api/v1/auth/login', { body: { email, password } }));
if (!('accessToken' in session)) throw new Error(session.status);
const headers = { Authorization: `Bearer ${session.accessToken}` };

const service = given(
  await client.POST('/api/v1/api-keys', { headers, body: { name: 'service', scopes: ['keys:verify'] } }),
);
const shown = given(
  await client.POST('/api/v1/api-keys', {
    headers,
    body: { name: 'shown', scopes: ['leaderboard:read'], rateLimit: 100 },
  }),
);
const verify = async () =>
  given(
    await client.POST('/api/v1/api-keys/verify', {
      headers: { 'X-API-Key': service.key },
      body: { key: shown.key, cost: 10 },
    }),
  );
const before = await verify();
const revoked = await client.DELETE('/api/v1/api-keys/{id}', {
  headers,
  params: { path: { id: shown.apiKey.id } },
});
if (revoked.error) throw new Error(revoked.error.code);
const after = await verify();

const board = given(await client.GET('/api/v1/leaderboard', { params: { query: { benchmark } } }));
const { error } = await client.GET('/api/v1/leaderboard', { params: { query: { benchmark: 'there-is-none' } } });

const saw = {
  before: outcome(before),
  after: outcome(after),
  rows: board.data.map((row) => ({ model: row.model, flags: row.flags.map(meaning) })),
  missing: error?.code,
};
console.log(JSON.stringify(saw));
