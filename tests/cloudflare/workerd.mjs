// What serve.mjs starts; it says what the options mean.
//
// The control port: `POST /cron` runs the scheduled handler, `GET /logs` shows what the Worker logged, `GET /hashes`
// how many passwords each of the hashing objects has hashed, `GET /hash?patience=` what one of them answers to somebody
// who waits for so many milliseconds, `GET /mails` what went to the binding EMAIL, and `GET /points` what was written to the
// data set ANALYTICS.
//
// `GET /fault?of=&fault=&times=` spoils a binding (faults.mjs), and without parameters heals all; `GET /exhaust` has the
// instance run out of memory, and `GET /memory` tells how much it has.
//
// Around the Worker stands a harness of the tests' own. An answer whose X-Request-Id begins with "trap-" traps
// while the instance writes it. A request with the header x-trap-admission traps the next admission of a rate limiter,
// x-trap-hash the next hash of a hashing object, and x-busy-hash makes that object refuse as an overloaded one is
// refused. Nothing of it is in the Worker itself.

import http from "node:http";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Log, LogLevel, Miniflare, Response, convertV4MiniflareOptions, fetch } from "miniflare";

const HARNESS = `
import { env } from "cloudflare:workers";
import * as faults from "./faults.mjs";
import worker, * as real from "./worker.mjs";
import { initSync } from "./aibaas.js";
import { enter } from "./glue.mjs";
import module from "./trap.wasm";

/** Has the instance run out of memory; how much it had in the end. */
function exhaust() {
  const { memory, __wbindgen_malloc: allocate } = initSync();
  try {
    for (;;) enter(() => allocate(1 << 20, 8));
  } catch {
    return memory.buffer.byteLength;
  }
}

const trap = () => new WebAssembly.Instance(module).exports.trap();

const { append } = Headers.prototype;
Headers.prototype.append = function (name, value) {
  if (name === "x-request-id" && value.startsWith("trap-")) trap();
  return append.call(this, name, value);
};

let admissionTraps = false;

/** Lets the next look at the clock trap, which is on the way into the instance. */
function trapAdmission() {
  if (!admissionTraps) return;
  admissionTraps = false;
  const { now } = Date;
  Date.now = () => {
    Date.now = now;
    trap();
  };
}

export class RateLimiter extends real.RateLimiter {
  admit(question) {
    keys.admissions += 1;
    trapAdmission();
    return super.admit(question);
  }
}

/** Calls to the objects of keys and of limits, and round trips to D1 that wrote and that only read; and what D1 counts. */
const keys = { calls: 0, admissions: 0, reads: 0, writes: 0, statements: 0, rowsRead: 0, rowsWritten: 0 };

/** How many invalidations in a row fail. */
let failingInvalidations = 0;

export class KeyGate extends real.KeyGate {
  admit(...question) {
    keys.calls += 1;
    trapAdmission();
    return super.admit(...question);
  }

  invalidate(reports) {
    if (failingInvalidations === 0) return super.invalidate(reports);
    failingInvalidations -= 1;
    throw new Error("as the test asked");
  }

  async evict() {
    // What it keeps in memory for a moment is written by a timer that was set before this one.
    await new Promise((resolve) => setTimeout(resolve, 100));
    this.ctx.abort("the harness evicts this object");
  }
}

const database = Object.getPrototypeOf(env.DB);
const { prepare, batch } = database;
function count(results) {
  keys[results.some(({ meta }) => meta.rows_written > 0) ? "writes" : "reads"] += 1;
  for (const { meta } of results) {
    keys.statements += 1;
    keys.rowsRead += meta.rows_read;
    keys.rowsWritten += meta.rows_written;
  }
  return results;
}
database.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  const bind = statement.bind.bind(statement);
  statement.bind = (...parameters) => {
    const bound = bind(...parameters);
    const run = bound.run.bind(bound);
    bound.run = () => run().then((result) => count([result])[0]);
    return bound;
  };
  return statement;
};
database.batch = function (statements) {
  return batch.call(this, statements).then(count);
};

/** What was written to the data set, which miniflare takes and forgets. */
const points = [];
if (env.ANALYTICS) {
  const dataset = Object.getPrototypeOf(env.ANALYTICS);
  const { writeDataPoint } = dataset;
  dataset.writeDataPoint = function (point) {
    points.push(point);
    return writeDataPoint.call(this, point);
  };
}

let hashTraps = false;
let hashIsBusy = false;
const hashes = {};

export class PasswordHasher extends real.PasswordHasher {
  async hash(question, until) {
    if (hashIsBusy) {
      hashIsBusy = false;
      throw Object.assign(new Error("Durable Object is overloaded."), { overloaded: true });
    }
    if (hashTraps) {
      hashTraps = false;
      // Asked for by the instance's glue, on the way in.
      return super.hash({ get length() { return trap(); } }, until);
    }
    const answer = await super.hash(question, until);
    const { name } = this.ctx.id;
    if (answer !== undefined) hashes[name] = (hashes[name] ?? 0) + 1;
    return answer;
  }
}

export default {
  ...worker,
  fetch(request, ...rest) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/harness/hashes") return Response.json(hashes);
    if (pathname === "/harness/hash") {
      const object = env.PASSWORD_HASHER.get(env.PASSWORD_HASHER.idFromName("0"));
      const question = JSON.stringify({ Verify: { password: "a password", encoded: "no hash" } });
      const until = Date.now() + Number(searchParams.get("patience"));
      return object.hash(question, until).then((answer) => Response.json(answer ?? null));
    }
    if (pathname === "/harness/points") return Response.json(points);
    if (pathname === "/harness/keys") return Response.json(keys);
    if (pathname === "/harness/memory") return Response.json(initSync().memory.buffer.byteLength);
    if (pathname === "/harness/exhaust") return Response.json(exhaust());
    if (pathname === "/harness/fault") {
      if (searchParams.has("of")) faults.set(searchParams.get("of"), searchParams.get("fault"), Number(searchParams.get("times")));
      else faults.heal();
      return Response.json({});
    }
    if (pathname === "/harness/evict") {
      const object = env.KEY_GATE.get(env.KEY_GATE.idFromName(searchParams.get("key")));
      return object.evict().then(() => new Response(), () => new Response());
    }
    if (request.headers.has("x-trap-admission")) admissionTraps = true;
    if (request.headers.has("x-break-invalidation")) failingInvalidations = 2;
    if (request.headers.has("x-trap-hash")) hashTraps = true;
    if (request.headers.has("x-busy-hash")) hashIsBusy = true;
    return worker.fetch(request, ...rest);
  },
};
`;

// (module (func (export "trap") unreachable))
const TRAP = Buffer.from("0061736d010000000104016000000302010007080104747261700000" + "0a05010300000b", "hex");

const options = JSON.parse(process.argv[2]);

function modules(buildDir) {
  const files = readdirSync(buildDir, { recursive: true }).filter((file) => /\.(m?js|wasm)$/.test(file));
  // The first is the entry.
  files.sort((one, other) => (other === "worker.mjs") - (one === "worker.mjs"));
  const harness = [
    { type: "ESModule", path: path.join(buildDir, "harness.mjs"), contents: HARNESS },
    { type: "CompiledWasm", path: path.join(buildDir, "trap.wasm"), contents: TRAP },
    { type: "ESModule", path: path.join(buildDir, "faults.mjs"), contents: readFileSync(path.join(import.meta.dirname, "faults.mjs"), "utf8") },
  ];
  return [
    ...(options.bare ? [] : harness),
    ...files.map((file) => ({ type: file.endsWith(".wasm") ? "CompiledWasm" : "ESModule", path: path.join(buildDir, file) })),
  ];
}

/** The statements of a script: semicolons in strings, names and comments end none. */
function statements(sql) {
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[^]*?\*\/|;|[^'"\-/;]+|./g;
  const found = [];
  let statement = "";
  for (const [text] of sql.matchAll(token)) {
    if (text === ";") {
      found.push(statement.trim());
      statement = "";
    } else if (!text.startsWith("--") && !text.startsWith("/*")) {
      statement += text;
    }
  }
  return [...found, statement.trim()].filter((statement) => statement !== "");
}

async function migrate(database, migrationsDir) {
  await database
    .prepare(
      `CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
         applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map((row) => row.name));
  const files = readdirSync(migrationsDir).filter((file) => file.endsWith(".sql") && !applied.has(file));
  for (const name of files.sort()) {
    const script = statements(readFileSync(path.join(migrationsDir, name), "utf8"));
    await database.batch([
      ...script.map((statement) => database.prepare(statement)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
}

/** Forwards an outbound request of the Worker to the tests. */
async function outbound(request) {
  if (options.outboundPort === undefined) return new Response("no outbound requests here", { status: 502 });
  const { pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.set("x-original-url", request.url);
  const body = ["GET", "HEAD"].includes(request.method) ? undefined : await request.arrayBuffer();
  return fetch(`http://127.0.0.1:${options.outboundPort}${pathname}${search}`, { method: request.method, headers: [...headers], body, redirect: "manual" });
}

const configuration = readFileSync(options.wranglerToml, "utf8");
const logs = [];

/** What the runtime itself says. Of a mail that went to the binding that is its head, and the files of its texts. */
class MailLog extends Log {
  mails = [];

  constructor() {
    super(LogLevel.INFO);
  }

  log(message) {
    if (!message.includes("send_email binding called")) return;
    const line = (name) => message.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
    const file = (name) => line(name) && readFileSync(line(name), "utf8");
    this.mails.push({ from: line("From"), to: line("To"), subject: line("Subject"), text: file("Text"), html: file("HTML") });
  }
}

const log = new MailLog();
const worker = (name, objects) => ({
  name,
  modules: modules(options.buildDir),
  modulesRoot: options.buildDir,
  compatibilityDate: configuration.match(/^compatibility_date = "(.+)"$/m)[1],
  compatibilityFlags: JSON.parse(configuration.match(/^compatibility_flags = (.+)$/m)[1]),
  bindings: options.vars,
  d1Databases: { DB: "DB" },
  email: options.vars.MAIL_TRANSPORT === "cloudflare" ? { send_email: [{ name: "EMAIL" }] } : undefined,
  analyticsEngineDatasets: options.analytics ? { ANALYTICS: { dataset: "aibaas" } } : undefined,
  kvNamespaces: { CACHE: "CACHE" },
  durableObjects: {
    RATE_LIMITER: { className: "RateLimiter", useSQLite: true, ...objects },
    KEY_GATE: { className: "KeyGate", useSQLite: true, ...objects },
    PASSWORD_HASHER: { className: "PasswordHasher", useSQLite: true, ...objects },
  },
  ratelimits: {
    SHIELD: { namespace_id: "1001", simple: { limit: Number(configuration.match(/^simple = \{ limit = (\d+), period = 10 \}$/m)[1]), period: 10 } },
  },
  outboundService: outbound,
  // Straight into the Worker: the entry of miniflare itself would change headers and compress answers.
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
});
// Another instance of the Worker has the same databases and objects, and a memory of its own.
const another = options.twice ? [worker("another", { scriptName: "aibaas" })] : [];
const runtime = new Miniflare(
  convertV4MiniflareOptions({
    workers: [worker("aibaas", {}), ...another],
    resourcePersistencePath: options.persist,
    cf: false,
    log,
    telemetry: { enabled: false },
    handleStructuredLogs: (log) => logs.push(log),
  }),
);
await runtime.ready;
await migrate(await runtime.getD1Database("DB"), options.migrationsDir);
const { hostname, port: workerPort } = await runtime.unsafeGetDirectURL();

/** The client's address becomes CF-Connecting-IP, as at Cloudflare's edge, over whatever the client sent. */
function forwarded(request) {
  const headers = ["cf-connecting-ip", request.socket.remoteAddress];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() !== "cf-connecting-ip") headers.push(request.rawHeaders[i], request.rawHeaders[i + 1]);
  }
  return headers;
}

// workerd closes what is idle for 5 s, and a connection that is being closed loses what is sent on it. Whoever calls
// here has a rule of its own.
const agent = new http.Agent({ keepAlive: true, timeout: 2000 });
const edge = (port) => http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const { method, url } = request;
  const upstream = http.request({ hostname, port, agent, method, path: url, headers: forwarded(request), setHost: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
    answer.pipe(response);
  });
  upstream.on("error", (error) => {
    if (response.headersSent) response.destroy(error);
    else response.writeHead(502).end(String(error));
  });
  response.on("close", () => upstream.destroy());
  request.pipe(upstream);
});

const control = http.createServer(async (request, response) => {
  try {
    if (request.method === "POST" && request.url === "/cron") {
      const worker = await runtime.getWorker();
      await worker.scheduled({ cron: "* * * * *" });
      response.writeHead(204).end();
    } else if (request.method === "GET" && request.url === "/logs") {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(logs));
    } else if (request.method === "GET" && request.url === "/mails") {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(log.mails));
    } else if (request.method === "GET" && ["/hash", "/hashes", "/keys", "/points", "/evict", "/fault", "/exhaust", "/memory"].includes(request.url.split("?")[0])) {
      const answer = await fetch(`http://${hostname}:${workerPort}/harness${request.url}`);
      response.writeHead(200, { "content-type": "application/json" }).end(await answer.text());
    } else {
      response.writeHead(404).end();
    }
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});

const listening = (server, port) => new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server.address().port)));
const port = await listening(edge(workerPort), options.port ?? 0);
const anotherPort = options.twice && (await listening(edge((await runtime.unsafeGetDirectURL("another")).port), 0));
const controlPort = await listening(control, 0);
console.log(JSON.stringify({ port, workerPort: Number(workerPort), controlPort, anotherPort }));

process.stdin.resume();
process.stdin.on("end", async () => {
  await runtime.dispose();
  process.exit(0);
});
