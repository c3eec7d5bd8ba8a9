// Cookie mode as a person's browser sees it: `node cookie-mode.mjs '{"chromium":…,"api":…,"links":…}'`. Silent where
// all is well; else it says what is not, and fails.
//
//   chromium     the browser
//   api          where the API listens, http://127.0.0.1:PORT
//   links        the API's own address, which its mails link to
//   screenshots  a folder for pictures of the API's pages, where they are wanted
//
// The front end is http://localhost:5173, which alone CORS allows here, and a stranger's page is
// http://localhost:5999. The names are the browser's alone: it is told where they are, and that there is nothing else.

import assert from "node:assert/strict";
import http from "node:http";
import { readFileSync } from "node:fs";
import path from "node:path";
import { PATIENCE_MS, endWithInput, launch } from "./serve.mjs";

const options = JSON.parse(process.argv[2]);
const FRONT_END = "http://localhost:5173";
const STRANGER = "http://localhost:5999";
const API = `http://localhost:${new URL(options.api).port}`;
const COOKIE = "__Secure-aibaas_refresh";

endWithInput();

const frontEnd = readFileSync(path.join(import.meta.dirname, "front-end.html"), "utf8").replace('"API"', JSON.stringify(API));
const server = http.createServer((request, response) => {
  response.writeHead(request.url === "/" ? 200 : 404, { "content-type": "text/html" }).end(request.url === "/" ? frontEnd : "");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const page = `127.0.0.1:${server.address().port}`;
const rules = [
  `MAP ${new URL(FRONT_END).host} ${page}`,
  `MAP ${new URL(STRANGER).host} ${page}`,
  `MAP ${new URL(options.links).host} ${new URL(options.api).host}`,
  "MAP localhost 127.0.0.1",
  "MAP * ~NOTFOUND",
];

const browser = await launch(options.chromium, rules);
const context = await browser.newContext();
context.setDefaultTimeout(PATIENCE_MS);

/** What the API's own pages complained of: errors, and what their policy forbade. */
const complaints = [];
const asked = new Set();
/** The tab of the page that CORS does not allow. */
let stranger;
/** Pages may be answers of 4xx, which the browser tells as well. */
const documents = new Set();
const isOfApi = (url) => [API, options.links].some((origin) => url.startsWith(`${origin}/`));
context.on("request", (request) => {
  if (!request.url().startsWith("data:")) asked.add(new URL(request.url()).origin);
  if (request.isNavigationRequest()) documents.add(request.url());
});
context.on("console", (message) => {
  const { url } = message.location();
  if (!["error", "warning"].includes(message.type()) || !isOfApi(message.page()?.url() ?? "")) return;
  if (message.page() !== stranger && !documents.has(url)) complaints.push(`${message.text()} ${url}`);
});
context.on("weberror", (error) => complaints.push(String(error.error())));

/** Fills in a form of a page of the front end, sends it, and gives what came of it. */
async function submit(tab, name, fields = {}) {
  const form = tab.locator(`form[name="${name}"]`);
  for (const [field, value] of Object.entries(fields)) await form.locator(`[name="${field}"]`).fill(value);
  const output = tab.locator("output");
  const count = Number((await output.getAttribute("data-count")) ?? 0);
  await form.locator("button").click();
  await tab.locator(`output[data-count="${count + 1}"]`).waitFor({ state: "attached" });
  return JSON.parse(await output.textContent());
}

async function expect(tab, name, fields, status) {
  const answer = await submit(tab, name, fields);
  assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer)}`);
  return answer.body;
}

async function cookie() {
  return (await context.cookies()).find(({ name }) => name === COOKIE);
}

let pictures = 0;

/** A page of the API's: nothing on it complains, no script runs on it, and it sees no cookie. */
async function checkPage(tab, heading) {
  assert.equal(await tab.locator("h1").textContent(), heading);
  assert.equal(await tab.evaluate("document.cookie"), "");
  assert.equal(await tab.locator("script").count(), 0);
  // The style sheet was loaded and applied.
  assert.equal(await tab.evaluate("[...document.styleSheets].map((sheet) => sheet.cssRules.length > 0).join()"), "true");
  if (options.screenshots) await tab.screenshot({ path: path.join(options.screenshots, `${++pictures}.png`) });
}

/** Opens what the link of the newest mail to the address is for, as a page of the API. */
async function followMail(address, letters) {
  const mail = `${options.api}/dev/mail?to=${encodeURIComponent(address)}`;
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { data } = await (await fetch(mail, { headers: { accept: "application/json" } })).json();
    if (data.length >= letters) break;
    assert.ok(Date.now() < deadline, `${address} has got ${data.length} mails`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const tab = await context.newPage();
  await tab.goto(`${API}/dev/mail?to=${encodeURIComponent(address)}`);
  await checkPage(tab, "Mail");
  const link = await tab.locator("article").first().locator("a").getAttribute("href");
  assert.ok(link.startsWith(`${options.links}/account/`), link);
  // Mails of before led to pages of the API, which are still there.
  await tab.goto(link.replace("/account/", "/api/v1/auth/"));
  return tab;
}

async function press(tab, status) {
  const [answer] = await Promise.all([tab.waitForResponse((response) => response.request().method() === "POST"), tab.locator("main button").click()]);
  await tab.waitForLoadState();
  assert.equal(answer.status(), status);
}

try {
  const email = `browser-${crypto.randomUUID()}@example.com`;
  const password = "correct horse battery staple 9";
  const home = await context.newPage();
  await home.goto(`${FRONT_END}/`);

  // Register, and verify through the mailed link.
  assert.equal((await expect(home, "register", { email, password }, 202)).status, "verification_required");
  const verify = await followMail(email, 1);
  await checkPage(verify, "Verify your address");
  // The page wants the password of this registration: whoever reads the mail may not be who registered.
  await verify.locator("input[type=password]").fill("not the password of this one");
  await press(verify, 403);
  await checkPage(verify, "Verify your address");
  await verify.locator("input[type=password]").fill(password);
  await press(verify, 200);
  await checkPage(verify, "Address verified");
  assert.match(await verify.locator("main").textContent(), new RegExp(email));
  await verify.close();

  // Log in: the refresh token is the browser's, and no script's.
  assert.equal(await cookie(), undefined);
  const login = await expect(home, "login", { email, password }, 200);
  assert.ok(login.accessToken && !("refreshToken" in login), JSON.stringify(Object.keys(login)));
  const first = await cookie();
  const { httpOnly, secure, sameSite, path: where, domain, expires } = first;
  assert.deepEqual({ httpOnly, secure, sameSite, where, domain }, { httpOnly: true, secure: true, sameSite: "Lax", where: "/api/v1/auth", domain: "localhost" });
  assert.ok(Math.abs(expires - Date.now() / 1000 - login.refreshExpiresIn) < 300, "the cookie lives as long as the session");
  assert.equal(await home.evaluate("document.cookie"), "");
  assert.equal((await expect(home, "me", {}, 200)).email, email);
  // Where the cookie is sent to, and a script of that origin would look for it.
  const inside = await context.newPage();
  await inside.goto(`${API}/api/v1/auth/verify-email?token=none`);
  await checkPage(inside, "Verify your address");
  await inside.close();

  // Reload: the access token is gone, and the cookie brings another.
  await home.reload();
  const refreshed = await expect(home, "refresh", {}, 200);
  assert.ok(refreshed.accessToken && refreshed.accessToken !== login.accessToken && !("refreshToken" in refreshed));
  assert.notEqual((await cookie()).value, first.value);
  assert.equal((await expect(home, "me", {}, 200)).email, email);
  // Two tabs at once.
  const second = await context.newPage();
  await second.goto(`${FRONT_END}/`);
  await Promise.all([home, second].map((tab) => expect(tab, "refresh", {}, 200)));
  await Promise.all([home, second].map((tab) => expect(tab, "me", {}, 200)));
  await second.close();

  // A page that CORS does not allow is of the same site, so the cookie goes along: it reads nothing all the same, and
  // changes nothing.
  stranger = await context.newPage();
  await stranger.goto(`${STRANGER}/`);
  const before = await cookie();
  for (const form of ["refresh", "me", "logout"]) {
    assert.deepEqual(await submit(stranger, form), { unreadable: "TypeError" }, form);
  }
  assert.deepEqual(await submit(stranger, "login", { email, password }), { unreadable: "TypeError" }, "login");
  // Nor by a form, which asks CORS nothing.
  for (const action of ["refresh", "logout"]) {
    await stranger.goto(`${STRANGER}/`);
    await stranger.evaluate((url) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action: url });
      document.body.append(form);
      form.submit();
    }, `${API}/api/v1/auth/${action}`);
    await stranger.waitForURL(`${API}/**`);
    assert.match(await stranger.locator("body").textContent(), /"origin_not_allowed"/, action);
  }
  await stranger.close();
  // Nor would it by any other program that sends what a browser would.
  for (const [origin, status] of [[STRANGER, 403], [undefined, 403], ["null", 403], [`${FRONT_END}0`, 403]]) {
    const answer = await fetch(`${options.api}/api/v1/auth/refresh`, { method: "POST", headers: { cookie: `${COOKIE}=${before.value}`, ...(origin && { origin }) } });
    assert.equal(answer.status, status, `${origin}`);
    assert.equal((await answer.json()).code, "origin_not_allowed");
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  }
  assert.equal((await cookie()).value, before.value);
  await expect(home, "refresh", {}, 200);

  // Another address.
  const moved = `moved-${email}`;
  await expect(home, "email", { newEmail: moved, password }, 202);
  const confirm = await followMail(moved, 1);
  await checkPage(confirm, "Confirm your new address");
  await press(confirm, 200);
  await checkPage(confirm, "Address confirmed");
  await confirm.close();
  assert.equal((await expect(home, "me", {}, 200)).email, moved);

  // A forgotten password: the link sets another and ends the session.
  await expect(home, "forgot", { email: moved }, 202);
  const reset = await followMail(moved, 2);
  await checkPage(reset, "Choose a new password");
  // Short enough for the browser itself to stop it.
  await reset.locator("input[type=password]").fill("short");
  await reset.locator("main button").click();
  assert.equal(await reset.evaluate("document.querySelector('input[type=password]').validity.tooShort"), true);
  await reset.locator("input[type=password]").fill(moved);
  await press(reset, 422);
  await checkPage(reset, "Choose a new password");
  assert.match(await reset.locator("[role=alert]").textContent(), /Password: not taken/);
  const newPassword = "another battery, another horse";
  await reset.locator("input[type=password]").fill(newPassword);
  await press(reset, 200);
  await checkPage(reset, "Password set");
  await reset.close();
  await expect(home, "refresh", {}, 401);
  await expect(home, "login", { email: moved, password }, 401);
  await expect(home, "login", { email: moved, password: newPassword }, 200);

  // Log out: the cookie goes, and the session with it.
  const last = await cookie();
  await expect(home, "logout", {}, 204);
  assert.equal(await cookie(), undefined);
  await expect(home, "refresh", {}, 401);
  await expect(home, "me", {}, 401);
  const late = await fetch(`${options.api}/api/v1/auth/refresh`, { method: "POST", headers: { cookie: `${COOKIE}=${last.value}`, origin: FRONT_END } });
  assert.equal(late.status, 401);

  assert.deepEqual(complaints, []);
  const known = new Set([FRONT_END, STRANGER, API, options.links]);
  assert.deepEqual([...asked].filter((origin) => !known.has(origin)), []);
} finally {
  await browser.close();
}
process.exit(0);
