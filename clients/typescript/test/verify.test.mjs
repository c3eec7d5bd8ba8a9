import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { AuthenticationError, KeyVerifier } from '@aibaas/client';
import { fake, json, problem } from './fake.mjs';

const KEY = 'aib_live_presented';
const verdict = (code) => json({ valid: code === 'valid', code, apiKeyId: 'k', userId: 'u', scopes: [], rateLimit: null });

function verifier(answer, options = {}) {
  const { client, asked, clock } = fake(answer, { apiKey: 'aib_live_service', retry: { attempts: 1 } });
  return { keys: new KeyVerifier(client, { onUnavailable: 'closed', clock, ...options }), asked, clock };
}

test('a verdict is believed for its time', async () => {
  let code = 'valid';
  const { keys, asked, clock } = verifier(() => verdict(code));
  assert.equal((await keys.verify({ key: KEY })).valid, true);
  code = 'api_key_revoked';
  clock.time += 4999;
  assert.equal((await keys.verify({ key: KEY })).valid, true);
  assert.equal(asked.length, 1);
  assert.equal(asked[0].headers.get('x-api-key'), 'aib_live_service');
  clock.time += 1;
  assert.equal((await keys.verify({ key: KEY })).code, 'api_key_revoked');
  assert.equal((await keys.verify({ key: KEY })).code, 'api_key_revoked');
  assert.equal(asked.length, 2, 'a refusal is believed as long');
  keys.clear();
  await keys.verify({ key: KEY });
  assert.equal(asked.length, 3);
});

test('other questions have other verdicts, and a limit has none', async () => {
  const { keys, asked } = verifier(() => verdict('valid'));
  const questions = [{}, { scopes: ['leaderboard:read'] }, { ip: '192.0.2.1' }, { cost: 2 }, { key: 'aib_live_other' }];
  for (const question of [...questions, ...questions]) await keys.verify({ key: KEY, ...question });
  assert.deepEqual([asked.length, keys.size], [5, 5]);
  const limited = verifier(() => verdict('too_many_requests'));
  await limited.keys.verify({ key: KEY });
  await limited.keys.verify({ key: KEY });
  assert.deepEqual([limited.asked.length, limited.keys.size], [2, 0]);
});

test('the cache has a bound, holds no key, and can be left out', async () => {
  const { keys, asked } = verifier(() => verdict('valid'), { maxEntries: 2 });
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await keys.verify({ key: `aib_live_${key}` });
  assert.equal(keys.size, 2);
  assert.deepEqual(asked.map(({ body }) => body.key.at(-1)), ['a', 'b', 'c', 'b'], 'what was used last stays');
  assert.ok(!inspect(keys, { depth: 9, showHidden: true }).includes('aib_live_a'));
  const none = verifier(() => verdict('valid'), { ttlMs: 0 });
  await Promise.all([none.keys.verify({ key: KEY }), none.keys.verify({ key: KEY })]);
  assert.deepEqual([none.asked.length, none.keys.size], [2, 0], 'each use is charged');
});

test('many who show a key at once ask once', async () => {
  const { keys, asked } = verifier(() => verdict('valid'));
  const verdicts = await Promise.all(Array.from({ length: 8 }, () => keys.verify({ key: KEY })));
  assert.ok(verdicts.every(({ valid }) => valid));
  assert.equal(asked.length, 1);
});

test('who is let in during an outage is what the service chose', async () => {
  const outages = [[503, 'service_unavailable'], [500, 'internal_error'], [429, 'too_many_requests']];
  const choices = [['closed', false], ['open', true]];
  for (const [onUnavailable, stranger, outage] of outages.flatMap((outage) => choices.map((choice) => [...choice, outage]))) {
    let isDown = false;
    const answer = ({ body }) => (isDown ? problem(...outage) : verdict(body.key.endsWith('bad') ? 'api_key_revoked' : 'valid'));
    const { keys, clock } = verifier(answer, { onUnavailable });
    await keys.verify({ key: 'aib_live_good' });
    await keys.verify({ key: 'aib_live_bad' });
    isDown = true;
    assert.equal((await keys.verify({ key: 'aib_live_good' })).code, 'valid', 'its verdict is still believed');
    clock.time += 5000;
    const verdicts = await Promise.all(['good', 'bad', 'new'].map((name) => keys.verify({ key: `aib_live_${name}` })));
    assert.deepEqual(verdicts.map(({ valid, code }) => [valid, code]), [[stranger, 'unavailable'], [false, 'unavailable'], [stranger, 'unavailable']]);
  }
});

test('a mistake of the service is no outage', async () => {
  for (const onUnavailable of ['open', 'closed']) {
    const { keys } = verifier(() => problem(401, 'api_key_revoked'), { onUnavailable });
    await assert.rejects(keys.verify({ key: KEY }), AuthenticationError);
  }
});

test('who gives up does not stop the question of others', async () => {
  const { keys, asked } = verifier(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return verdict('valid');
  });
  const abort = new AbortController();
  const given = keys.verify({ key: KEY }, { signal: abort.signal });
  const other = keys.verify({ key: KEY });
  abort.abort(new Error('enough'));
  await assert.rejects(given, { message: 'enough' });
  assert.equal((await other).valid, true);
  assert.equal(asked.length, 1);
});

test('an API that hangs is an outage', async () => {
  const alive = setInterval(() => {}, 1000);
  const hangs = ({ request }) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)));
  const { keys } = verifier(hangs, { timeoutMs: 5 });
  assert.deepEqual((await keys.verify({ key: KEY })).valid, false);
  const abort = AbortSignal.abort(new Error('enough'));
  await assert.rejects(keys.verify({ key: KEY }, { signal: abort }), { message: 'enough' });
  clearInterval(alive);
});
