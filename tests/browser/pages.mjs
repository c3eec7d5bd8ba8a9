// The leaderboard's pages as a person's browser shows them, judged by axe: `node pages.mjs '{"chromium":…,"api":…,"pages":…}'`.
// Silent where all is well; else it says what is not, and fails.
//
//   chromium     the browser
//   api          where the API listens, http://127.0.0.1:PORT
//   pages        [{name, path, status?}, …]
//   board        the path of a leaderboard, where two of its rows shall be compared
//   cookies      {name: value, …} that the browser has already
//   screenshots  a folder for pictures of the pages, where they are wanted

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { PATIENCE_MS, endWithInput, launch } from "./serve.mjs";

const options = JSON.parse(process.argv[2]);
const FIRST_PAINT_BYTES = 100_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOOKS = [
  { name: "light", colorScheme: "light", width: 1280, height: 900 },
  { name: "dark", colorScheme: "dark", width: 1280, height: 900 },
  { name: "narrow", colorScheme: "light", width: 360, height: 740 },
];

endWithInput();

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await launch(options.chromium);

/** What pages complained of, what their policy forbade, and which origins they asked. */
const complaints = [];
const origins = new Set();
const context = await browser.newContext();
context.setDefaultTimeout(PATIENCE_MS);
context.on("request", (request) => {
  if (!request.url().startsWith("data:")) origins.add(new URL(request.url()).origin);
});
context.on("console", (message) => {
  // Some pages are answers of 4xx, which the browser tells too.
  const expected = message.text().includes("status of 4") && message.location().url === message.page()?.url();
  if (["error", "warning"].includes(message.type()) && !expected) complaints.push(`${message.text()} ${message.location().url}`);
});
context.on("weberror", (error) => complaints.push(String(error.error())));
for (const [name, value] of Object.entries(options.cookies ?? {})) {
  await context.addCookies([{ name, value, url: options.api.replace("http:", "https:"), secure: true, httpOnly: true, sameSite: "Lax" }]);
}
const tab = await context.newPage();

/** No script and no style but the sheet's: the policy allows none, and none is missed. */
async function checkMarkup(name) {
  const found = await tab.evaluate(() => ({
    scripts: document.scripts.length,
    styled: document.querySelectorAll("[style], style").length,
    handlers: [...document.querySelectorAll("*")].filter((element) => element.getAttributeNames().some((attribute) => attribute.startsWith("on"))).length,
    empty: [...document.styleSheets].filter((sheet) => sheet.cssRules.length === 0).length,
  }));
  assert.deepEqual(found, { scripts: 0, styled: 0, handlers: 0, empty: 0 }, name);
}

/** Nothing is wider than the screen but what scrolls by itself, which the keyboard reaches. */
async function checkWidth(name) {
  const wide = await tab.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const page = document.documentElement.scrollWidth - width;
    const over = [...document.body.querySelectorAll("*")].filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return right > width + 1 && left >= 0 && !element.closest(".wide");
    });
    return { page, over: over.map((element) => element.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(wide, { page: 0, over: [] }, `${name}: what is too wide`);
}

/** A board's table is in sight before anything is scrolled, and on a narrow screen nothing of a row is cut off. */
async function checkBoard() {
  const table = tab.locator(".ranks");
  await tab.setViewportSize({ width: 1280, height: 900 });
  const { y } = await table.boundingBox();
  assert.ok(y < 700, `the table begins at ${y} px`);
  await tab.setViewportSize({ width: 360, height: 740 });
  const hidden = await tab.evaluate(() => {
    const { scrollWidth, clientWidth } = document.querySelector(".wide:has(.ranks)");
    const out = [...document.querySelectorAll(".ranks tbody :is(td, th)")].filter((cell) => cell.getBoundingClientRect().right > innerWidth);
    return [scrollWidth - clientWidth, out.length];
  });
  assert.deepEqual(hidden, [0, 0], "what is cut off");
  // Once something is ticked, what compares it is in sight.
  await tab.locator(".ranks input").first().check();
  const bottom = await tab.locator(".tools button").boundingBox();
  assert.ok(bottom.y + bottom.height <= 740, `the button ends at ${bottom.y + bottom.height} px`);
}

async function checkAccess(name) {
  const { violations } = await tab.evaluate((values) => globalThis.axe.run(document, {
    runOnly: { type: "tag", values },
    // A best practice alone: Markdown has no table without a row of headers, and guides leave one empty.
    rules: { "empty-table-header": { enabled: false } },
  }), RULES);
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html.slice(0, 200)} ${node.failureSummary}`).join("\n")}`);
  assert.equal(told.join("\n"), "", `${name}: axe`);
}

/** The Tab key comes by everything that can be used, in the page's order, and shows where it is: nothing lies over it. */
async function checkKeyboard(name) {
  await tab.evaluate(() => {
    const usable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const shown = [...document.querySelectorAll(usable)].filter((element) => element.checkVisibility());
    shown.forEach((element, n) => element.setAttribute("data-stop", n));
    document.activeElement?.blur();
  });
  const stops = await tab.locator("[data-stop]").count();
  const reached = [];
  for (let presses = 0; presses < stops; presses += 1) {
    await tab.keyboard.press("Tab");
    reached.push(await tab.evaluate(() => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const points = [...element.getClientRects()].flatMap(({ left, right, top, bottom }) => [
        [(left + right) / 2, (top + bottom) / 2],
        [left + 2, top + 2],
        [right - 2, bottom - 2],
      ]);
      const lies = ([x, y]) => {
        const there = document.elementFromPoint(x, y);
        return there !== null && (element.contains(there) || there.contains(element));
      };
      if (!points.some(lies)) return `covered: ${element.outerHTML.slice(0, 120)}`;
      const shown = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      return shown ? Number(element.dataset.stop) : `unseen: ${element.outerHTML.slice(0, 120)}`;
    }));
  }
  assert.deepEqual(reached, [...Array(stops).keys()], `${name}: the Tab key`);
}

try {
  const size = async (sheet) => (await (await fetch(sheet)).arrayBuffer()).byteLength;
  for (const { name, path: where, status = 200 } of options.pages) {
    const answer = await tab.goto(`${options.api}${where}`);
    assert.equal(answer.status(), status, name);
    assert.match(answer.headers()["content-security-policy"], /default-src 'none'/, name);
    const sheets = await tab.evaluate(() => [...document.styleSheets].map((sheet) => sheet.href));
    assert.notEqual(sheets.length, 0, name);
    const sizes = await Promise.all([answer.body().then((body) => body.length), ...sheets.map(size)]);
    const bytes = sizes.reduce((sum, size) => sum + size);
    assert.ok(bytes < FIRST_PAINT_BYTES, `${name}: the first paint takes ${bytes} bytes`);
    await checkMarkup(name);
    await checkKeyboard(name);
    // What stands behind a fold is judged too.
    await tab.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
    // Evaluated by the browser's own tools, which the page's policy does not bind.
    await tab.evaluate(axe);
    for (const look of LOOKS) {
      await tab.setViewportSize({ width: look.width, height: look.height });
      await tab.emulateMedia({ colorScheme: look.colorScheme });
      await checkWidth(`${name}, ${look.name}`);
      await checkAccess(`${name}, ${look.name}`);
      if (options.screenshots) await tab.screenshot({ path: path.join(options.screenshots, `${name}-${look.name}.png`), fullPage: true });
    }
  }

  // Two rows are ticked and compared, by the keyboard alone.
  if (options.board) {
    await tab.goto(`${options.api}${options.board}`);
    await checkBoard();
    await tab.setViewportSize({ width: 1280, height: 900 });
    await tab.goto(`${options.api}${options.board}`);
    const boxes = tab.locator("input[type=checkbox]");
    const names = [];
    for (const n of [0, 1]) {
      await boxes.nth(n).focus();
      await tab.keyboard.press("Space");
      names.push(await boxes.nth(n).getAttribute("value"));
    }
    await tab.keyboard.press("Enter");
    await tab.waitForURL(/[/]compare[?]/);
    const compared = new URL(tab.url()).searchParams;
    assert.deepEqual([compared.get("a"), compared.get("b")], names);
    assert.match(await tab.locator("h1").textContent(), / against /);
  }

  assert.deepEqual(complaints, []);
  assert.deepEqual([...origins], [new URL(options.api).origin]);
} finally {
  await browser.close();
}
process.exit(0);
