// An account in a person's browser: `node account.mjs '{"chromium":…,"api":…,"email":…,"password":…}'`. Silent where all is
// well; else it says what is not, and fails.
//
//   chromium         the browser
//   api              where the API listens, http://127.0.0.1:PORT
//   email, password  of a verified account
//   screenshots      a folder for pictures of forms with mistakes, where they are wanted

import assert from "node:assert/strict";
import http from "node:http";
import path from "node:path";
import { PATIENCE_MS, endWithInput, launch } from "./serve.mjs";

const options = JSON.parse(process.argv[2]);

endWithInput();

// Another site, whose forms are sent to ours.
const elsewhere = http.createServer((_, response) => {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(`<form method="post" action="${options.api}/account/logout"><input name="formToken" value="x"><button>Win</button></form>`);
});
await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));

const browser = await launch(options.chromium);

try {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(PATIENCE_MS);
  const tab = await context.newPage();
  const picture = async (name) => {
    if (options.screenshots) await tab.screenshot({ path: path.join(options.screenshots, `${name}.png`), fullPage: true });
  };
  const title = () => tab.locator("h1").textContent();

  // A login asked for on the way to a page, with a mistake first; all by the keyboard.
  await tab.goto(`${options.api}/account/keys`);
  assert.equal(await title(), "Log in");
  await tab.getByLabel("E-mail address").fill(options.email);
  await tab.getByLabel("Password").fill("not the right one");
  await tab.keyboard.press("Enter");
  await tab.getByRole("alert").waitFor();
  assert.equal(await tab.getByLabel("E-mail address").inputValue(), options.email);
  assert.equal(await tab.getByLabel("Password").inputValue(), "");
  assert.equal(await tab.locator("#mistakes:focus").count(), 1, "what was wrong has the focus");
  await picture("mistakes-login");
  await tab.getByLabel("Password").fill(options.password);
  await tab.keyboard.press("Enter");
  await tab.waitForURL(`${options.api}/account/keys`);

  // The cookie is kept on this address, and is none of a script's.
  const cookies = await context.cookies(options.api.replace("http:", "https:"));
  const session = cookies.find((cookie) => cookie.name === "__Host-aibaas_session");
  assert.deepEqual([session.httpOnly, session.secure, session.sameSite, session.path], [true, true, "Lax", "/"]);

  // A key is made, and shown again by a reload, which sends the form again.
  await tab.goto(`${options.api}/account/keys/new`);
  await tab.getByLabel("Addresses").fill("nowhere");
  await tab.getByLabel("Name").fill("x".repeat(256));
  await tab.getByRole("button", { name: "Create the key" }).click();
  await picture("mistakes-key");
  await tab.getByRole("link", { name: /CIDR/ }).click();
  assert.equal(await tab.getByLabel("Addresses").inputValue(), "nowhere");
  await tab.getByLabel("Addresses").fill("");
  await tab.getByLabel("Name").fill("from a browser");
  await tab.getByRole("button", { name: "Create the key" }).click();
  assert.equal(await title(), "Your new key");
  const key = await tab.locator("p.secret").textContent();
  assert.match(key, /^aib_live_/);
  await picture("new-key");
  await tab.reload();
  assert.equal(await tab.locator("p.secret").textContent(), key);
  assert.equal((await fetch(`${options.api}/api/v1/models`, { headers: { Authorization: `Bearer ${key}` } })).status, 200);

  // Another site sends a form of ours: the browser brings no session, and nobody is logged out.
  const other = await context.newPage();
  await other.goto(`http://localhost:${elsewhere.address().port}/`);
  await other.getByRole("button").click();
  assert.equal(await other.locator("h1").textContent(), "This origin is not allowed");
  await tab.goto(`${options.api}/account`);
  assert.equal(await title(), "Your account");

  await tab.getByRole("button", { name: "Log out" }).click();
  assert.equal(await title(), "Log in");
  await tab.goto(`${options.api}/account`);
  assert.equal(await title(), "Log in");
} finally {
  await browser.close();
  elsewhere.close();
}
process.exit(0);
