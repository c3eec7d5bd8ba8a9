import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthenticationError, ServerError } from '@aibaas/client';
import { fake, json, problem, tokens, user } from './fake.mjs';

const LOGIN = { email: 'ada@example.com', password: 'correct horse battery' };

/** A server with one session, which takes its latest access token alone. */
function server(members = {}) {
  const state = { access: undefined, refreshes: 0, alive: true };
  const give = () => {
    const next = tokens(members);
    state.access = next.accessToken;
    return json(next);
  };
  state.answer = async ({ path, request }) => {
    switch (path) {
      case '/api/v1/auth/login':
        return give();
      case '/api/v1/auth/session':
        return json(state.alive ? { authenticated: true, sessionId: 's', expiresAt: '2026-12-27T08:00:00.000Z', user } : { authenticated: false, reason: 'no_cookie', detail: 'log in' });
      case '/api/v1/auth/refresh':
        state.refreshes++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return state.alive ? give() : problem(401, 'session_revoked');
      case '/api/v1/auth/logout':
        state.alive = false;
        return new Response(null, { status: 204 });
      default:
        if (!state.alive) return problem(401, 'session_revoked');
        return request.headers.get('authorization') === `Bearer ${state.access}` ? json(user) : problem(401, 'expired_token');
    }
  };
  return state;
}

test('many calls at once refresh once', async () => {
  const state = server();
  const { client, clock, asked } = fake(state.answer);
  assert.deepEqual(await client.auth.login(LOGIN), { status: 'authenticated', user });
  assert.equal(asked[0].body.mode, 'token');
  await client.get('/api/v1/users/me');
  assert.equal(state.refreshes, 0);
  clock.time += 900_000 - 30_000;
  await Promise.all(Array.from({ length: 8 }, () => client.get('/api/v1/users/me')));
  assert.equal(state.refreshes, 1);
  assert.equal(asked.filter(({ path }) => path.endsWith('/refresh'))[0].body.refreshToken, 'aibr_1');
});

test('a token that the server takes no more is replaced once', async () => {
  const state = server();
  const { client } = fake(state.answer);
  await client.auth.login(LOGIN);
  state.access = 'another';
  await Promise.all(Array.from({ length: 8 }, () => client.get('/api/v1/users/me')));
  assert.equal(state.refreshes, 1);
  // One that is never taken is not asked for for ever.
  const stubborn = fake(({ path }) => (path.includes('/auth/') ? json(tokens()) : problem(401, 'invalid_token')));
  await stubborn.client.auth.login(LOGIN);
  await assert.rejects(stubborn.client.get('/api/v1/users/me'), AuthenticationError);
  assert.equal(stubborn.asked.length, 4, 'login, call, refresh, call');
});

test('a session that has ended is told', async () => {
  const state = server();
  const { client, clock } = fake(state.answer);
  const seen = [];
  const stop = client.session.subscribe((user) => seen.push(user?.email));
  await client.auth.login(LOGIN);
  state.alive = false;
  clock.time += 900_000;
  await assert.rejects(client.get('/api/v1/users/me'), AuthenticationError);
  assert.equal(client.session.user, undefined);
  stop();
  state.alive = true;
  await client.auth.login(LOGIN);
  assert.deepEqual(seen, ['ada@example.com', undefined]);
});

test('an outage ends no session', async () => {
  const state = server();
  let isDown = false;
  const { client, clock } = fake((call) => (isDown ? problem(503, 'service_unavailable') : state.answer(call)));
  await client.auth.login(LOGIN);
  clock.time += 900_000;
  isDown = true;
  await assert.rejects(client.get('/api/v1/users/me'), ServerError);
  assert.equal(client.session.user?.email, 'ada@example.com');
  isDown = false;
  assert.equal((await client.get('/api/v1/users/me')).email, 'ada@example.com');
});

test('tokens outlive the process in a store', async () => {
  const state = server();
  let kept;
  const tokenStore = { load: () => kept, save: (tokens) => (kept = tokens) };
  await fake(state.answer, { tokenStore }).client.auth.login(LOGIN);
  const { client, asked } = fake(state.answer, { tokenStore });
  assert.equal((await client.get('/api/v1/users/me')).email, 'ada@example.com');
  assert.deepEqual(asked.map(({ path }) => path), ['/api/v1/auth/refresh', '/api/v1/users/me']);
  await client.auth.logout();
  assert.equal(kept, undefined);
  await assert.rejects(client.get('/api/v1/users/me'), AuthenticationError);
});

test('cookie mode asks for the session before it refreshes', async () => {
  const state = server({ refreshToken: undefined });
  const { client, asked } = fake(state.answer, { session: 'cookie' });
  assert.equal((await client.session.resume())?.email, 'ada@example.com');
  await client.get('/api/v1/users/me');
  assert.deepEqual(
    asked.map(({ path, credentials }) => [path, credentials]),
    [['/api/v1/auth/session', 'include'], ['/api/v1/auth/refresh', 'include'], ['/api/v1/users/me', 'omit']],
  );
  assert.equal(asked[1].body, undefined);
  await client.auth.logout();
  assert.equal(client.session.user, undefined);

  const nobody = fake(state.answer, { session: 'cookie' });
  assert.equal(await nobody.client.session.resume(), undefined);
  await assert.rejects(nobody.client.get('/api/v1/users/me'), AuthenticationError);
  assert.deepEqual(nobody.asked.map(({ path }) => path), ['/api/v1/auth/session', '/api/v1/users/me'], 'no refresh that is sure to fail');
});

test('a logout is not undone by a refresh that was under way', async () => {
  const state = server();
  const { client, clock } = fake(state.answer);
  await client.auth.login(LOGIN);
  clock.time += 900_000;
  const call = client.get('/api/v1/users/me').catch((error) => error);
  await client.session.end();
  await call;
  assert.equal(client.session.user, undefined);
  assert.equal(await client.session.accessToken(new AbortController().signal), undefined);
});

test('who gives up does not stop the refresh of others', async () => {
  const state = server();
  const { client, clock } = fake(state.answer);
  await client.auth.login(LOGIN);
  clock.time += 900_000;
  const abort = new AbortController();
  const given = client.get('/api/v1/users/me', { signal: abort.signal });
  const other = client.get('/api/v1/users/me');
  abort.abort(new Error('enough'));
  await assert.rejects(given, { message: 'enough' });
  assert.equal((await other).email, 'ada@example.com');
  assert.equal(state.refreshes, 1);
});

test('a second factor finishes the login', async () => {
  const challenge = { status: 'mfa_required', mfaToken: 'm', methods: ['totp', 'recovery_code'], expiresInSeconds: 300 };
  const { client, asked } = fake(({ path }) => json(path.endsWith('/mfa') ? tokens() : challenge));
  assert.deepEqual(await client.auth.login(LOGIN), challenge);
  assert.equal(client.session.user, undefined);
  assert.equal((await client.auth.completeMfa({ mfaToken: 'm', code: '123456' })).email, 'ada@example.com');
  assert.deepEqual(asked[1].body, { mfaToken: 'm', code: '123456' });
});

test('a key is sent where one is taken, and nowhere else', async () => {
  const { client, asked } = fake(({ path }) => (path.includes('users') ? problem(401, 'missing_credentials') : json({ data: [], nextCursor: null })), { apiKey: 'aib_live_x' });
  await client.get('/api/v1/models');
  await client.get('/api/v1/users/me').catch(() => {});
  await client.get('/api/v1/models', { headers: { 'X-API-Key': 'aib_live_y' } });
  assert.deepEqual(asked.map(({ headers }) => headers.get('x-api-key')), ['aib_live_x', null, 'aib_live_y']);
});
