import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdempotencyError, NetworkError, RateLimitError, ServerError } from '@aibaas/client';
import { fake, json, problem } from './fake.mjs';

const KEY = { body: { name: 'k', scopes: ['leaderboard:read'] }, headers: { Authorization: 'Bearer a.b.c' } };
const lost = () => {
  throw new TypeError('fetch failed');
};

test('a call that makes something is sent again with the same key', async () => {
  const answers = [lost, () => problem(503, 'service_unavailable', { 'Retry-After': '5' }), () => problem(409, 'idempotency_in_progress'), () => json({ key: 'k' }, 201)];
  const { client, asked, clock } = fake(({ count }) => answers[count - 1]());
  assert.deepEqual(await client.post('/api/v1/api-keys', KEY), { key: 'k' });
  assert.deepEqual(asked.map(({ headers }) => headers.get('idempotency-key')), ['key-1', 'key-1', 'key-1', 'key-1']);
  assert.deepEqual(asked.map(({ body }) => body), Array(4).fill(KEY.body));
  assert.deepEqual(clock.slept, [125, 5000, 500], 'half of what doubles, or what the server asks for');
  await client.post('/api/v1/api-keys', KEY).catch(() => {});
  assert.equal(asked.at(-1).headers.get('idempotency-key'), 'key-2', 'another call has another key');
});

test('a key that was given is kept, and a call that takes none gets none', async () => {
  const { client, asked } = fake(() => json({}));
  await client.post('/api/v1/api-keys', { ...KEY, headers: { ...KEY.headers, 'Idempotency-Key': 'mine' } });
  await client.post('/api/v1/auth/password/forgot', { body: { email: 'a@example.com' } });
  assert.deepEqual(asked.map(({ headers }) => headers.get('idempotency-key')), ['mine', null]);
});

test('an answer that breaks off is none', async () => {
  const broken = () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"key":'));
      },
      pull: (controller) => controller.error(new TypeError('terminated')),
    });
    return new Response(body, { status: 201, headers: { 'Content-Type': 'application/json' } });
  };
  const { client, asked } = fake(({ count }) => (count === 1 ? broken() : json({ key: 'k' }, 201)));
  assert.deepEqual(await client.post('/api/v1/api-keys', KEY), { key: 'k' });
  assert.equal(asked.length, 2);
  const once = fake(broken);
  await assert.rejects(once.client.patch('/api/v1/users/me', { body: { fullName: 'Ada' }, headers: KEY.headers }), NetworkError);
});

test('attempts end', async () => {
  const { client, asked } = fake(lost, { retry: { attempts: 3 } });
  const error = await client.get('/api/v1/models').catch((error) => error);
  assert.ok(error instanceof NetworkError && error.cause instanceof TypeError);
  assert.equal(asked.length, 3);
  const down = fake(() => problem(503, 'service_unavailable', { 'Retry-After': '1' }), { retry: { attempts: 2 } });
  await assert.rejects(down.client.get('/api/v1/models'), ServerError);
  assert.deepEqual([down.asked.length, down.clock.slept], [2, [1000]]);
});

test('what may have been done is not done again without a key', async () => {
  for (const answer of [lost, () => problem(503, 'service_unavailable', { 'Retry-After': '5' })]) {
    const { client, asked } = fake(answer);
    await assert.rejects(client.patch('/api/v1/users/me', { body: { fullName: 'Ada' }, headers: KEY.headers }));
    await assert.rejects(client.delete('/api/v1/users/me', { body: { password: 'x' }, headers: KEY.headers }));
    assert.equal(asked.length, 2);
  }
});

test('a limit is waited for, unless it is long or for guesses', async () => {
  const over = (seconds, code = 'too_many_requests') => problem(429, code, { 'Retry-After': `${seconds}` });
  const short = fake(({ count }) => (count === 1 ? over(2) : json({ data: [], nextCursor: null })));
  await short.client.patch('/api/v1/users/me', { body: { fullName: 'Ada' }, headers: KEY.headers });
  assert.deepEqual(short.clock.slept, [2000], 'a refused request was not done');
  for (const refusal of [over(11), over(1, 'too_many_attempts')]) {
    const { client, asked } = fake(() => refusal.clone());
    await assert.rejects(client.auth.login({ email: 'a@example.com', password: 'x' }), RateLimitError);
    assert.equal(asked.length, 1);
  }
  const reused = fake(() => problem(422, 'idempotency_key_reused'));
  await assert.rejects(reused.client.post('/api/v1/api-keys', KEY), IdempotencyError);
  assert.equal(reused.asked.length, 1);
});

test('chance spreads the waits', async () => {
  const waits = async (random) => {
    const { client, clock } = fake(lost, { random: () => random });
    await client.get('/api/v1/models').catch(() => {});
    return clock.slept;
  };
  assert.deepEqual(await waits(0), [125, 250, 500]);
  assert.deepEqual(await waits(1), [250, 500, 1000]);
});

test('an abort ends a request, and the wait for its next attempt', async () => {
  const abort = new AbortController();
  const { client, asked } = fake(() => {
    abort.abort(new Error('enough'));
    return problem(503, 'service_unavailable');
  });
  await assert.rejects(client.get('/api/v1/models', { signal: abort.signal }), { message: 'enough' });
  assert.equal(asked.length, 1);
  await assert.rejects(client.get('/api/v1/models', { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
});

test('an attempt that takes too long is given up', async () => {
  const hangs = ({ request }) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)));
  // A timer of the runtime's, which alone does not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  const { client, asked } = fake(hangs, { timeoutMs: 5, retry: { attempts: 2 } });
  await assert.rejects(client.get('/api/v1/models'), NetworkError);
  clearInterval(alive);
  assert.equal(asked.length, 2);
});
