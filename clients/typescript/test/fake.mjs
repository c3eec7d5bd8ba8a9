// A server that answers as it is told, and a clock that stands still until somebody sleeps.
import { createClient } from '@aibaas/client';

export const BASE_URL = 'https://api.example.com';

export class FakeClock {
  time = Date.parse('2026-11-27T08:00:00Z');
  slept = [];

  now = () => this.time;

  sleep = async (ms, signal) => {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.time += ms;
  };
}

export const json = (body, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });

export const problem = (status, code, headers = {}, members = {}) =>
  new Response(
    JSON.stringify({ type: `${BASE_URL}/problems/${code}`, title: 'No', status, code, detail: 'do otherwise', requestId: 'r-1', ...members }),
    { status, headers: { 'Content-Type': 'application/problem+json', ...headers } },
  );

export const user = { id: 'u', email: 'ada@example.com', fullName: null, emailVerified: true, role: 'user', mfaEnabled: false, createdAt: '2026-11-27T08:00:00.000Z' };
let issued = 0;
export const tokens = (members = {}) => {
  issued++;
  return { accessToken: `a.${issued}.s`, tokenType: 'Bearer', expiresIn: 900, refreshToken: `aibr_${issued}`, refreshExpiresIn: 2592000, user, ...members };
};

/** A client of a server that answers each request by `answer(request, body)`, and what that was asked. */
export function fake(answer, options = {}) {
  const clock = new FakeClock();
  const asked = [];
  const fetch = async (request) => {
    request.signal.throwIfAborted();
    const text = await request.clone().text();
    const path = request.url.slice(BASE_URL.length);
    asked.push({ method: request.method, path, body: text === '' ? undefined : JSON.parse(text), headers: request.headers, credentials: request.credentials });
    return answer({ method: request.method, path, request, body: asked.at(-1).body, count: asked.length });
  };
  let keys = 0;
  const client = createClient({ baseUrl: BASE_URL, fetch, clock, random: () => 0, idempotencyKey: () => `key-${++keys}`, ...options });
  return { client, clock, asked };
}
