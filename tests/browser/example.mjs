// The example front end, as a person uses it: `node example.mjs '{"chromium":…,"api":…,"site":…,"benchmark":…,"model":…}'`.
// Silent where all is well.
//
//   chromium     the browser
//   api          where the API listens, http://127.0.0.1:PORT
//   site         the folder of the example, which is built
//   benchmark    one with a board, and a
//   model        on it
//   screenshots  a folder for pictures of its pages, where they are wanted

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { PATIENCE_MS, endWithInput, launch, mailedToken, serve } from "./serve.mjs";

const options = JSON.parse(process.argv[2]);
const API = `http://localhost:${new URL(options.api).port}`;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const TYPES = { ".js": "text/javascript", ".css": "text/css" };

endWithInput();
const index = readFileSync(path.join(options.site, "index.html"), "utf8");
assert.ok(index.includes('content="http://localhost:8787"'), "the page says where the API is");
const page = { type: "text/html", body: index.replace("http://localhost:8787", API) };
const origin = await serve((name) => {
  const file = path.join(options.site, name);
  // Every path that is no file is the page's own.
  return name.startsWith("/assets/") && existsSync(file) ? { type: TYPES[path.extname(name)], body: readFileSync(file) } : page;
});
const browser = await launch(options.chromium);
try {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  const tab = await context.newPage();
  const complaints = [];
  tab.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  tab.on("pageerror", (error) => complaints.push(String(error)));
  const heading = (name) => tab.getByRole("heading", { level: 1, name }).waitFor();
  const field = (label) => tab.getByLabel(label, { exact: true });
  const press = (name) => tab.getByRole("button", { name, exact: true }).click();
  const follow = (name) => tab.getByRole("link", { name, exact: true }).first().click();
  let pictures = 0;
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const judge = async () => {
    await tab.evaluate(axe);
    const { violations } = await tab.evaluate((values) => globalThis.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
    assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
    if (options.screenshots) await tab.screenshot({ path: path.join(options.screenshots, `example-${++pictures}.png`), fullPage: true });
  };

  // The board is there for everybody.
  await tab.goto(`${origin}/?benchmark=${options.benchmark}`);
  await heading("Leaderboard");
  await tab.getByRole("cell", { name: options.model }).waitFor();
  await judge();

  // Register, and verify by the path that a mail would link to.
  const person = { email: `example-${crypto.randomUUID()}@example.com`, password: "correct horse battery staple 9" };
  await follow("API keys");
  await heading("Log in");
  await judge();
  await follow("Register");
  await field("Address").fill(person.email);
  await field("Password").fill(person.email);
  await press("Register");
  await tab.getByRole("alert").filter({ hasText: "password" }).waitFor();
  await judge();
  assert.equal(complaints.splice(0).length, 1, "the browser tells of the refusal alone");
  await field("Password").fill(person.password);
  await press("Register");
  await heading("Look at your mail");
  await tab.goto(`${origin}/verify-email?token=${await mailedToken(options.api, person.email)}`);
  await heading("Verify your address");
  await field("The password of your registration").fill(person.password);
  await judge();
  await press("Verify");
  await tab.getByRole("status").filter({ hasText: "verified" }).waitFor();

  // Log in, and stay so.
  await follow("Log in");
  await field("Address").fill(person.email);
  await field("Password").fill(person.password);
  await press("Log in");
  await heading("API keys");
  await tab.getByText(person.email).waitFor();
  await tab.reload();
  await heading("API keys");
  await tab.getByText(person.email).waitFor();

  // Keys.
  await field("Name").fill("nightly");
  await press("Make a key");
  await tab.getByRole("status").filter({ hasText: /aib_live_\w{38}/ }).waitFor();
  await tab.getByRole("row", { name: /nightly .* active/ }).waitFor();
  await judge();
  await press("Revoke nightly");
  await tab.getByRole("row", { name: /nightly .* revoked/ }).waitFor();

  // The board again, and out.
  await follow("Leaderboard");
  await heading("Leaderboard");
  await press("Log out");
  await tab.getByRole("link", { name: "Log in", exact: true }).waitFor();
  await tab.reload();
  await follow("API keys");
  await heading("Log in");
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
process.exit(0);
