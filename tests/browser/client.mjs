// The TypeScript client in a browser: `node client.mjs '{"chromium":…,"api":…,"client":…}'`. Silent where all is well.
//
//   chromium  the browser
//   api       where the API listens, http://127.0.0.1:PORT
//   client    the folder of the client, which is built

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { PATIENCE_MS, endWithInput, launch, mailedToken, serve } from "./serve.mjs";

const options = JSON.parse(process.argv[2]);
const API = `http://localhost:${new URL(options.api).port}`;
const ELSEWHERE = `http://127.0.0.1:${new URL(options.api).port}`;
const IMPORTS = { "@aibaas/client": "/dist/index.js", "openapi-fetch": "/node_modules/openapi-fetch/dist/index.mjs" };
const PAGE = `<!doctype html><meta charset="utf-8"><title>A front end</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">
  import * as aibaas from "@aibaas/client";
  window.aibaas = aibaas;
  window.client = aibaas.createClient({ baseUrl: ${JSON.stringify(API)}, session: "cookie", timeoutMs: 150_000 });
  document.title = "ready";
</script>`;

endWithInput();
const origin = await serve((name) => {
  if (name === "/") return { type: "text/html", body: PAGE };
  const file = path.join(options.client, name);
  return /^\/(dist|node_modules\/openapi-fetch)\//.test(name) && existsSync(file) ? { type: "text/javascript", body: readFileSync(file) } : undefined;
});
const browser = await launch(options.chromium);
try {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints = [];
  const asked = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(API) && request.method() !== "OPTIONS" && asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const open = async () => {
    await page.goto(`${origin}/`);
    await page.waitForFunction(() => document.title === "ready");
    asked.length = 0;
  };
  const resume = () => page.evaluate(async () => (await client.session.resume())?.email ?? null);

  // Nobody is logged in, and the console stays clean.
  await open();
  assert.equal(await resume(), null);
  assert.deepEqual(asked, ["GET /api/v1/auth/session"]);

  const person = { email: `client-${crypto.randomUUID()}@example.com`, password: "correct horse battery staple 9" };
  await page.evaluate((person) => client.auth.register(person), person);
  const token = await mailedToken(options.api, person.email);
  await page.evaluate((body) => client.auth.verifyEmail(body), { token, password: person.password });
  const login = await page.evaluate((person) => client.auth.login(person), person);
  assert.deepEqual([login.status, login.user.email], ["authenticated", person.email]);
  assert.equal(await page.evaluate(() => document.cookie), "");

  // After a reload many calls at once find the session, and fetch one token.
  await open();
  const emails = await page.evaluate(() => Promise.all(Array.from({ length: 6 }, async () => (await client.get("/api/v1/users/me")).email)));
  assert.deepEqual(new Set(emails), new Set([person.email]));
  const count = (name) => asked.filter((one) => one === name).length;
  assert.deepEqual([count("GET /api/v1/auth/session"), count("POST /api/v1/auth/refresh"), count("GET /api/v1/users/me")], [1, 1, 6]);

  const names = await page.evaluate(async () => {
    for (const name of ["a", "b", "c"]) await client.post("/api/v1/api-keys", { body: { name, scopes: ["leaderboard:read"] } });
    const names = [];
    for await (const key of client.items("/api/v1/api-keys", { params: { query: { limit: 2 } } })) names.push(key.name);
    return names;
  });
  assert.deepEqual(names, ["c", "b", "a"]);
  // What a page reads of an answer, and asks with, CORS lets through. Of this one nobody changes anything meanwhile.
  const again = await page.evaluate(async () => {
    const first = await client.raw.GET("/openapi.json");
    const headers = { "If-None-Match": first.response.headers.get("ETag"), "Cache-Control": "no-cache" };
    const second = await client.raw.GET("/openapi.json", { headers, cache: "no-store" });
    return [first.response.status, second.response.status];
  });
  assert.deepEqual(again, [200, 304]);
  assert.deepEqual(complaints, []);

  // From another site no cookie would arrive: it says so.
  const refused = await page.evaluate(
    async ([baseUrl, person]) => {
      const elsewhere = aibaas.createClient({ baseUrl, session: "cookie" });
      const error = await elsewhere.auth.login(person).catch((error) => error);
      return [error instanceof aibaas.CrossSiteCookieError, error.code, await elsewhere.get("/api/v1/auth/session", { credentials: "include" })];
    },
    [ELSEWHERE, person],
  );
  assert.deepEqual([refused[0], refused[1], refused[2].reason], [true, "cross_site_cookie", "cross_site"]);

  // Log out: a reload finds nobody.
  await page.evaluate(() => client.auth.logout());
  await open();
  complaints.length = 0;
  assert.equal(await resume(), null);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
process.exit(0);
