// `node live.mjs URL`: the client against a server in development. Silent where all is well.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as aibaas from '@aibaas/client';

const [, , baseUrl] = process.argv;
const folder = fileURLToPath(new URL('..', import.meta.url));
const password = 'correct horse battery staple 9';
const newAddress = () => `typescript-${crypto.randomUUID()}@example.com`;
const counts = {};

/** Counts what is asked, and loses the answers that it is told to. */
const lossy = { lose: undefined };
const fetchAndCount = async (request) => {
  const name = `${request.method} ${new URL(request.url).pathname}`;
  counts[name] = (counts[name] ?? 0) + 1;
  const response = await fetch(request);
  if (lossy.lose !== name) return response;
  lossy.lose = undefined;
  await response.arrayBuffer();
  throw new TypeError('the connection was lost after the request was done');
};
/** The client's time goes on only when the case says: on a busy machine, what holds for seconds would be over. Waits are short. */
const began = Date.now();
const clock = { ahead: 0, now: () => began + clock.ahead, sleep: (ms, signal) => aibaas.systemClock.sleep(Math.min(ms, 1500), signal) };
/** Nothing here depends on how fast the machine is. */
const PATIENCE_MS = 150_000;
const create = (options = {}) => aibaas.createClient({ baseUrl, fetch: fetchAndCount, clock, timeoutMs: PATIENCE_MS, ...options });
const createVerifier = (service, options = {}) => new aibaas.KeyVerifier(service, { onUnavailable: 'closed', clock, timeoutMs: PATIENCE_MS, ...options });

async function mailedToken(email) {
  const reader = create();
  for (;;) {
    const { data } = await reader.get('/dev/mail', { params: { query: { to: email } } });
    const token = data[0]?.text.match(/token=([\w-]+)/)?.[1];
    if (token !== undefined) return token;
    await aibaas.systemClock.sleep(50);
  }
}

async function register() {
  const email = newAddress();
  const client = create();
  await client.auth.register({ email, password });
  const early = await client.auth.login({ email, password }).catch((error) => error);
  // An address is unknown until it is verified.
  assert.ok(early instanceof aibaas.AuthenticationError || early instanceof aibaas.EmailNotVerifiedError, String(early));
  const user = await client.auth.verifyEmail({ token: await mailedToken(email), password });
  assert.equal(user.email, email);
  assert.equal((await client.auth.login({ email, password })).status, 'authenticated');
  return { client, email };
}

const { client, email } = await register();
const me = () => client.get('/api/v1/users/me');
assert.equal((await me()).email, email);

// Many calls at once, after the access token's end: one refresh.
clock.ahead += 16 * 60_000;
for (const user of await Promise.all(Array.from({ length: 6 }, me))) assert.equal(user.email, email);
assert.equal(counts['POST /api/v1/auth/refresh'], 1);
// A refresh whose answer is lost is asked for again, and the session lives on.
clock.ahead += 16 * 60_000;
lossy.lose = 'POST /api/v1/auth/refresh';
assert.equal((await me()).email, email);
assert.equal(counts['POST /api/v1/auth/refresh'], 3);
assert.equal(client.session.user.email, email);

// A key whose answer is lost is made once.
const newKey = (name, scopes) => client.post('/api/v1/api-keys', { body: { name, scopes } });
lossy.lose = 'POST /api/v1/api-keys';
const first = await newKey('first', ['leaderboard:read']);
assert.equal(counts['POST /api/v1/api-keys'], 2);
const second = await newKey('second', ['keys:verify']);
const names = [];
for await (const key of client.items('/api/v1/api-keys', { params: { query: { limit: 1 } } })) names.push(key.name);
assert.deepEqual(names, ['second', 'first']);

// Verdicts, and what becomes of them.
const service = create({ apiKey: second.key });
const keys = createVerifier(service);
const question = { key: first.key, scopes: ['leaderboard:read'] };
const verdict = await keys.verify(question);
assert.deepEqual([verdict.valid, verdict.apiKeyId], [true, first.apiKey.id]);
assert.equal((await keys.verify({ key: first.key, scopes: ['results:write'] })).code, 'insufficient_scope');
await client.delete('/api/v1/api-keys/{id}', { params: { path: { id: first.apiKey.id } } });
assert.equal((await keys.verify(question)).valid, true, 'it is believed for a while');
clock.ahead += 5000;
assert.equal((await keys.verify(question)).code, 'api_key_revoked');
const nowhere = create({ apiKey: second.key, baseUrl: 'http://127.0.0.1:9', retry: { attempts: 1 } });
for (const onUnavailable of ['closed', 'open']) {
  const unasked = await createVerifier(nowhere, { onUnavailable }).verify(question);
  assert.deepEqual([unasked.valid, unasked.code], [onUnavailable === 'open', 'unavailable']);
  assert.ok(unasked.cause instanceof aibaas.NetworkError);
}
await assert.rejects(createVerifier(create({ apiKey: first.key }), { onUnavailable: 'open' }).verify(question), (error) => aibaas.hasCode(error, 'api_key_revoked'));

// Refusals.
const wrong = await create().auth.login({ email, password: 'not this one at all' }).catch((error) => error);
assert.ok(wrong instanceof aibaas.AuthenticationError && wrong.code === 'invalid_credentials' && wrong.requestId.length > 8, String(wrong));
const invalid = await create().auth.register({ email: 'nobody', password }).catch((error) => error);
assert.ok(invalid instanceof aibaas.ValidationError && invalid.at('/email').length === 1, String(invalid));
const missing = { params: { path: { provider: 'nobody', name: 'nothing' } } };
await assert.rejects(create().get('/api/v1/models/{provider}/{name}', missing), aibaas.NotFoundError);
await assert.rejects(create().get('/api/v1/models', { signal: AbortSignal.abort(new Error('enough')) }), { message: 'enough' });

// A session that is ended elsewhere is over here.
const elsewhere = create();
await elsewhere.auth.login({ email, password });
const told = [];
client.session.subscribe((user) => told.push(user));
await elsewhere.delete('/api/v1/auth/sessions');
await assert.rejects(me(), (error) => aibaas.hasCode(error, 'session_revoked'));
assert.deepEqual(told, [undefined]);
await elsewhere.auth.logout();
await assert.rejects(elsewhere.get('/api/v1/users/me'), aibaas.AuthenticationError);

// The README, as one program.
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text);
assert.ok(blocks.length > 6, `${blocks.length} examples`);
const build = new URL(`../build/${process.pid}/`, import.meta.url);
mkdirSync(build, { recursive: true });
const program = blocks
  .map((text) => text.replaceAll('http://localhost:8787', baseUrl).replaceAll('ada@example.com', newAddress()))
  .map((text) => text.replaceAll('{ baseUrl', `{ timeoutMs: ${PATIENCE_MS}, baseUrl`).replaceAll('ttlMs: 5000', `ttlMs: 5000, timeoutMs: ${PATIENCE_MS}`))
  .map((text) => (text.includes('function verifyPage') ? `${text}await verifyPage(await mailedToken(email));\n` : text))
  .join('\n');
const prelude = `async function mailedToken(email: string): Promise<string> {
  for (;;) {
    const { data } = await reader.get('/dev/mail', { params: { query: { to: email } } });
    const token = data[0]?.text.match(/token=([\\w-]+)/)?.[1];
    if (token !== undefined) return token;
  }
}
`;
writeFileSync(new URL('readme.ts', build), program + prelude);
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
const options = ['--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,dom,dom.iterable,dom.asynciterable'];
const run = (script, ...more) => execFileSync(process.execPath, [script, ...more], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
try {
  run(tsc, ...options, fileURLToPath(new URL('readme.ts', build)));
} catch (error) {
  throw new Error(`the README does not compile:\n${error.stdout}`);
}
const printed = run(fileURLToPath(new URL('readme.js', build)));
assert.match(printed, /let it in\n/);
