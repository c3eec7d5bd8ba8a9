// What has to compile, and what must not: `tsc` looks at it, nobody runs it.
import { type ApiError, createClient, hasCode, KeyVerifier, type Problem } from '@aibaas/client';

const client = createClient({ baseUrl: 'https://api.example.com' });

export async function reads(error: unknown): Promise<void> {
  const board = await client.get('/api/v1/leaderboard', { params: { query: { benchmark: 'b' } } });
  const score: number | undefined = board.data[0]?.score;
  for await (const model of client.items('/api/v1/models')) {
    const id: string = model.id;
    // @ts-expect-error no model has it
    console.log(id, score, model.nothing);
  }
  // @ts-expect-error it needs a path
  await client.get('/api/v1/models/{provider}/{name}');
  // @ts-expect-error there is no such path
  await client.get('/api/v1/nothing');
  // @ts-expect-error there is no such parameter
  await client.get('/api/v1/models', { params: { query: { nothing: 1 } } });
  // @ts-expect-error it is no list
  client.items('/api/v1/users/me');
  // @ts-expect-error there is no such scope
  await client.post('/api/v1/api-keys', { body: { name: 'k', scopes: ['everything'] } });
  const nothing: void = await client.delete('/api/v1/api-keys/{id}', { params: { path: { id: 'k' } } });

  if (hasCode(error, 'hidden', 'not_found')) {
    const code: 'hidden' | 'not_found' = error.code;
    const problem: Problem = (error satisfies ApiError).problem;
    console.log(code, problem.reason, nothing);
  }
  // @ts-expect-error there is no such code
  hasCode(error, 'nothing');

  // @ts-expect-error a service has to choose
  new KeyVerifier(client, {});
  const verdict = await new KeyVerifier(client, { onUnavailable: 'open' }).verify({ key: 'k' });
  if (verdict.code === 'valid') console.log(verdict.rateLimit.remaining);

  const login = await client.auth.login({ email: 'a@example.com', password: 'p' });
  // @ts-expect-error the second factor may be asked for
  console.log(login.user);
  if (login.status === 'authenticated') console.log(login.user.email);
}
