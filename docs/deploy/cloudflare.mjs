#!/usr/bin/env node
// Makes the D1 database and the KV namespace of wrangler.toml in your Cloudflare account, unless they are there, and writes
// their ids into the file. Run again, it changes nothing.
//
//   node docs/deploy/cloudflare.mjs [--dry-run] [--config FILE] [--base-url URL] [--app-url URL] [--mail-from ADDRESS]
//
// --dry-run asks what is there, and tells what would be made and written. The other options fill in [vars].

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    config: { type: "string", default: "wrangler.toml" },
    "base-url": { type: "string" },
    "app-url": { type: "string" },
    "mail-from": { type: "string" },
  },
});

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const installed = path.join(root, "tests/cloudflare/node_modules/wrangler/bin/wrangler.js");

class Mistake extends Error {}

/** What wrangler writes on standard output. */
function wrangler(...args) {
  if (!fs.existsSync(installed)) throw new Mistake("wrangler is missing: npm install --no-save --prefix tests/cloudflare");
  const command = [installed, ...args, "--config", options.config];
  // It asks nothing, and changes no file by itself.
  const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8", env });
  if (status !== 0) throw new Mistake(`wrangler ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}

/** The JSON list among what it wrote. */
function list(...args) {
  const text = wrangler(...args);
  return JSON.parse(text.slice(text.indexOf("["), text.lastIndexOf("]") + 1));
}

/** The lines of a table of the file, from its heading to the next one. */
function tableOf(lines, heading) {
  const start = lines.indexOf(heading);
  if (start < 0) throw new Mistake(`${options.config} has no ${heading}`);
  const next = lines.findIndex((line, index) => index > start && /^\[/.test(line));
  return [start + 1, next < 0 ? lines.length : next];
}

function settingOf(lines, heading, name) {
  const [start, end] = tableOf(lines, heading);
  const at = lines.findIndex((line, index) => index >= start && index < end && line.startsWith(`${name} = `));
  if (at < 0) throw new Mistake(`${heading} of ${options.config} has no ${name}`);
  return { at, value: JSON.parse(lines[at].slice(name.length + 3)) };
}

function set(lines, heading, name, value) {
  const { at, value: before } = settingOf(lines, heading, name);
  if (before === value) return;
  console.log(`${options.config}: ${name} = ${JSON.stringify(value)}`);
  lines[at] = `${name} = ${JSON.stringify(value)}`;
}

/** Finds the resource, of the id that the file has or by its name, or makes it; its id, or nothing where it would be made. */
function resource(what, all, present, name, make) {
  const find = () => {
    const known = all();
    return (known.find(({ id }) => id === present) ?? known.find((other) => other.name === name))?.id;
  };
  const found = find();
  if (found) {
    console.log(`${what} is there: ${found}`);
    return found;
  }
  if (options["dry-run"]) {
    console.log(`${what} would be made`);
    return undefined;
  }
  make();
  const made = find();
  if (!made) throw new Mistake(`${what} was made, and is not listed`);
  console.log(`${what} was made: ${made}`);
  return made;
}

function main() {
  const before = fs.readFileSync(options.config, "utf8");
  const lines = before.split("\n");
  const worker = lines.find((line) => line.startsWith("name = "));
  if (!worker) throw new Mistake(`${options.config} has no name`);
  const [d1, kv] = ["[[d1_databases]]", "[[kv_namespaces]]"];
  const database = settingOf(lines, d1, "database_name").value;
  const namespace = `${JSON.parse(worker.slice(7))}-${settingOf(lines, kv, "binding").value}`;

  const databaseId = resource(
    `the database ${database}`,
    () => list("d1", "list", "--json").map(({ uuid, name }) => ({ id: uuid, name })),
    settingOf(lines, d1, "database_id").value,
    database,
    () => wrangler("d1", "create", database),
  );
  const namespaceId = resource(
    `the namespace ${namespace}`,
    () => list("kv", "namespace", "list").map(({ id, title }) => ({ id, name: title })),
    settingOf(lines, kv, "id").value,
    namespace,
    () => wrangler("kv", "namespace", "create", namespace),
  );
  if (databaseId) set(lines, d1, "database_id", databaseId);
  if (namespaceId) set(lines, kv, "id", namespaceId);
  if (options["base-url"]) set(lines, "[vars]", "BASE_URL", options["base-url"]);
  if (options["app-url"]) {
    set(lines, "[vars]", "APP_URL", options["app-url"]);
    set(lines, "[vars]", "CORS_ORIGINS", new URL(options["app-url"]).origin);
  }
  if (options["mail-from"]) set(lines, "[vars]", "MAIL_FROM", options["mail-from"]);

  const after = lines.join("\n");
  if (after === before) console.log(`${options.config} needs no change`);
  else if (options["dry-run"]) console.log(`${options.config} was not written`);
  else fs.writeFileSync(options.config, after);
}

try {
  main();
} catch (error) {
  if (!(error instanceof Mistake)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
