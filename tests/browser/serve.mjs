// What the programs here share: a browser that knows no name but localhost, and pages for it.

import http from "node:http";
import { chromium } from "playwright-core";

export const PATIENCE_MS = 150_000;

/** Ends with whoever started this, who may have ended roughly. */
export function endWithInput() {
  process.stdin.resume().on("end", () => process.exit(1));
}

/** Serves what `find(path)` gives, `{ type, body }`, on a free port of localhost; returns the origin. */
export async function serve(find) {
  const server = http.createServer((request, response) => {
    const found = find(new URL(request.url, "http://localhost").pathname);
    response.writeHead(found ? 200 : 404, { "content-type": found?.type ?? "text/plain" }).end(found?.body ?? "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${server.address().port}`;
}

/** A browser for which there is nothing but this machine, and what the rules of its resolver map to it. */
export async function launch(executablePath, rules = ["MAP localhost 127.0.0.1", "EXCLUDE 127.0.0.1", "MAP * ~NOTFOUND"]) {
  return chromium.launch({
    executablePath,
    timeout: PATIENCE_MS,
    args: [
      // Root, as in many a container, has no sandbox; every page here is ours.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--host-resolver-rules=${rules.join(", ")}`,
    ],
  });
}

/** The token in the newest mail to the address. */
export async function mailedToken(api, address) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(`${api}/dev/mail?to=${encodeURIComponent(address)}`, { headers: { accept: "application/json" } });
    const token = (await answer.json()).data[0]?.text.match(/token=([\w-]+)/)?.[1];
    if (token !== undefined) return token;
    if (Date.now() > deadline) throw new Error(`${address} has got no mail`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
