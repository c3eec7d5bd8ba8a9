import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as aibaas from '@aibaas/client';
import { fake, problem } from './fake.mjs';

test('a refusal is an error of a class by its code and status', async () => {
  const cases = [
    [401, 'invalid_credentials', 'AuthenticationError'],
    [403, 'role_required', 'PermissionError'],
    [403, 'email_not_verified', 'EmailNotVerifiedError'],
    [403, 'cross_site_cookie', 'CrossSiteCookieError'],
    [404, 'not_found', 'NotFoundError'],
    [409, 'too_many_api_keys', 'ConflictError'],
    [410, 'hidden', 'NotFoundError'],
    [422, 'idempotency_key_reused', 'IdempotencyError'],
    [422, 'validation_failed', 'ValidationError'],
    [429, 'too_many_attempts', 'RateLimitError'],
    [500, 'internal_error', 'ServerError'],
    [400, 'malformed_request', 'ApiError'],
  ];
  for (const [status, code, name] of cases) {
    const { client } = fake(() => problem(status, code, { 'Retry-After': '7' }));
    const error = await client.post('/api/v1/auth/login', { body: { email: 'a@example.com', password: 'x' } }).catch((error) => error);
    assert.equal(error.constructor, aibaas[name], code);
    assert.ok(error instanceof aibaas.ApiError && error instanceof Error);
    assert.deepEqual([error.name, error.status, error.code, error.detail, error.requestId, error.retryAfterSeconds], [name, status, code, 'do otherwise', 'r-1', 7]);
    assert.ok(aibaas.hasCode(error, 'not_found', code));
    assert.ok(!aibaas.hasCode(error, 'incorrect_code'));
  }
});

test('a validation error names each mistake', async () => {
  const errors = [{ pointer: '/email', code: 'invalid_email', detail: 'give an address' }];
  const { client } = fake(() => problem(422, 'validation_failed', {}, { errors }));
  const error = await client.auth.register({ email: 'x', password: 'y' }).catch((error) => error);
  assert.deepEqual(error.mistakes, errors);
  assert.deepEqual([error.at('/email'), error.at('/password')], [errors, []]);
});

test('what a proxy answers is an error too', async () => {
  const { client } = fake(() => new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'Content-Type': 'text/html' } }), { retry: { attempts: 1 } });
  const error = await client.get('/api/v1/models').catch((error) => error);
  assert.ok(error instanceof aibaas.ServerError);
  assert.deepEqual([error.status, error.requestId], [502, 'none']);
});
