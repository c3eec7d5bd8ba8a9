// The Worker's handlers and its Durable Objects. What they decide is decided in the wasm instance.

import { DurableObject, env } from "cloudflare:workers";
import { BODY_LIMIT, CROWDED, LATE, Share, TOO_LONG, alarmAt, begin, countRequest, d1, enter, epoch, now, readRequestBody, sleep, within } from "./glue.mjs";
import { networkOf } from "./network.mjs";

/** Methods that only read: a body has no meaning in them (RFC 9110, 9.3.1), and none is looked for. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** What Cloudflare's edge adds to every request for itself; carrying it into the instance costs a tenth of the answer. */
const EDGE_HEADERS = new Set([
  "accept-encoding",
  "cdn-loop",
  "cf-ew-via",
  "cf-ipcountry",
  "cf-ray",
  "cf-visitor",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** A problem that the application cannot tell of itself. */
function problem(status, code, title, detail, headers) {
  const requestId = crypto.randomUUID();
  if (typeof env.ANALYTICS?.writeDataPoint === "function") countRequest(`none\nother\n${status}\nnobody\n`, 0);
  if (status >= 500) console.error(`${code} request_id=${requestId}: ${detail}`);
  const type = `${(env.BASE_URL || "http://localhost:8787").replace(/\/+$/, "")}/problems/${code}`;
  return new Response(JSON.stringify({ type, title, status, code, detail, requestId }), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-request-id": requestId,
      ...headers,
    },
  });
}

const failed = () =>
  problem(500, "internal_error", "Something went wrong on our side", "the request was lost with the instance that served it");

const unconfigured = () =>
  problem(503, "service_unavailable", "The service is unavailable for the moment", "this deployment is not configured yet", { "retry-after": "60" });

const crowded = () =>
  problem(503, "service_unavailable", "The service is unavailable for the moment", "too many bodies are being sent at once", { "retry-after": "1" });

const shielded = () =>
  problem(429, "too_many_requests", "Too many requests", "this address sends too many requests", { "retry-after": "10" });

/** A request without its body, as the instance reads it, and how long the body says it is. */
function read(request, method) {
  const { url, headers } = request;
  let head = `${method}\n${target(url)}`;
  let length;
  // An iterator would cost twice as much, and so does asking for one header by its name.
  headers.forEach((value, name) => {
    if (name === "content-length") length = Number(value);
    if (!EDGE_HEADERS.has(name)) head += `\n${name}\n${value}`;
  });
  return { head, length };
}

function answer(head, body) {
  try {
    const response = begin((wasm, id) => wasm.handle(id, head, body === LATE ? undefined : body, body === LATE));
    if (response === null) return unconfigured();
    return response instanceof Promise ? response.catch(failed) : response;
  } catch {
    return failed();
  }
}

/** Answers a request that may have a body, which takes memory until then. */
async function answerWithBody(request, method) {
  const { head, length } = read(request, method);
  const share = new Share();
  try {
    const body = await readRequestBody(request, length, share);
    if (body === CROWDED) return crowded();
    // By its length the application refuses what is too long; a body that came in chunks has told none.
    if (body === TOO_LONG) return await answer(length === undefined ? `${head}\ncontent-length\n${BODY_LIMIT}` : head);
    return await answer(head, body);
  } finally {
    share.end();
  }
}

/** Services ask it for all their clients, from one address; it neither hashes a password nor writes to the database. */
const UNSHIELDED = "/api/v1/api-keys/verify";

/** Path and query, as the other hosts see them: an origin ends at the first slash after its "https://". */
const target = (url) => url.slice(url.indexOf("/", 8));

/** How long the shield may take. */
const SHIELD_MS = 1_000;

/** As long as the shield's windows. */
const WINDOW_MS = 10_000;
/** So many of a network in a window are no flood, a tenth of what the shield lets in: it is asked about those beyond. */
const NO_FLOOD = 100;
/** So many networks are counted; of more at once the shield is asked about each. */
const MOST_COUNTED = 10_000;
const counts = new Map();
let windowEnds = 0;

/** Whether this isolate has seen few enough of the network not to ask the shield. */
function isNoFlood(network) {
  const time = Date.now();
  if (time >= windowEnds) {
    windowEnds = time + WINDOW_MS;
    counts.clear();
  }
  const count = 1 + (counts.get(network) ?? (counts.size < MOST_COUNTED ? 0 : NO_FLOOD));
  if (count <= NO_FLOOD) counts.set(network, count);
  return count <= NO_FLOOD;
}

/** A shield that is down, or does not answer, stops nobody. */
async function passesShield(request, env) {
  const key = networkOf(request.headers.get("cf-connecting-ip") ?? "");
  if (!env.SHIELD || isNoFlood(key)) return true;
  const verdict = await within(env.SHIELD.limit({ key }), SHIELD_MS).catch(() => undefined);
  return verdict?.success !== false;
}

/** Whatever hashes or writes passes the shield first. */
async function answerBehindShield(request, method, env) {
  return (await passesShield(request, env)) ? answerWithBody(request, method) : shielded();
}

export default {
  fetch(request, env) {
    const { method, url } = request;
    if (SAFE.has(method)) return answer(read(request, method).head);
    return target(url) === UNSHIELDED ? answerWithBody(request, method) : answerBehindShield(request, method, env);
  },

  async scheduled() {
    await begin((wasm, id) => wasm.tick(id));
  },
};

/**
 * Counts for one subject. The algorithm is the application's sliding log, held by the wasm instance for as
 * long as both live; the admissions are in this object's storage, from which a new one starts.
 */
export class RateLimiter extends DurableObject {
  #limiter;
  #epoch;
  #alarmed = false;

  #log() {
    if (this.#limiter === undefined || this.#epoch !== epoch) {
      const { sql } = this.ctx.storage;
      sql.exec(
        `CREATE TABLE IF NOT EXISTS admissions (policy TEXT NOT NULL, at INTEGER NOT NULL, cost INTEGER NOT NULL,
           expires INTEGER NOT NULL, PRIMARY KEY (policy, at)) STRICT, WITHOUT ROWID`,
      );
      const entries = sql.exec("SELECT policy, at, cost FROM admissions ORDER BY policy, at").raw().toArray();
      this.#limiter = enter((wasm) => new wasm.Limiter(JSON.stringify(entries)));
      this.#epoch = epoch;
    }
    return this.#limiter;
  }

  /** The answer to `ports::RateLimiter::admit`, as JSON. */
  admit(question) {
    const limiter = this.#log();
    // This object's own clock: the callers' clocks differ.
    const [answer, charges] = enter(() => limiter.admit(question, now())).split("\n");
    const { sql } = this.ctx.storage;
    for (const [policy, at, cost, expires, expired] of JSON.parse(charges)) {
      sql.exec("DELETE FROM admissions WHERE policy = ? AND at <= ?", policy, expired);
      sql.exec(
        `INSERT INTO admissions (policy, at, cost, expires) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET cost = excluded.cost, expires = excluded.expires`,
        policy,
        at,
        cost,
        expires,
      );
      if (!this.#alarmed) this.#wakeAt(expires);
    }
    return answer;
  }

  /** Leaves nothing behind once every window has passed. */
  async alarm() {
    this.#log();
    this.#alarmed = false;
    const { last } = this.ctx.storage.sql.exec("SELECT max(expires) AS last FROM admissions").one();
    if (last !== null && last > now()) return this.#wakeAt(last);
    this.#limiter = undefined;
    await this.ctx.storage.deleteAll();
  }

  #wakeAt(time) {
    this.#alarmed = true;
    return this.ctx.storage.setAlarm(alarmAt(time));
  }
}

/** How long the database may take to save the use of a key; what was late is saved again, which changes nothing. */
const SAVE_MS = 20_000;

/** How long what was admitted may be in memory alone: with a write each, a busy key would wait for its disk. */
const KEEP_MS = 50;

/**
 * Keeps the ledger of an API key and of those that it was rotated into. The wasm instance decides; this object's storage
 * has what it keeps, but for the last moment's, so that another instance of the object, or of wasm, goes on from there.
 */
export class KeyGate extends DurableObject {
  #key;
  #epoch;
  #hasTables = false;
  /** When the alarm goes off, by the runtime's clock: the instance's may have been moved since. */
  #alarm = Number.POSITIVE_INFINITY;
  #keeping = false;
  #waiting = [];

  #object() {
    if (this.#key === undefined || this.#epoch !== epoch) {
      this.#key = enter((wasm) => new wasm.KeyObject(this.#stored(), crypto.getRandomValues(new Uint32Array(1))[0]));
      this.#epoch = epoch;
    }
    return this.#key;
  }

  /** Whoever asks about a key that does not exist leaves nothing behind: tables come with the first row. */
  #stored() {
    const { sql } = this.ctx.storage;
    const rows = (query) => sql.exec(query).raw().toArray();
    const tables = rows("SELECT name FROM sqlite_master WHERE type = 'table'").flat();
    if (!tables.includes("about")) {
      this.#hasTables = false;
      return "";
    }
    if (!tables.includes("leases")) this.#addTables();
    this.#hasTables = true;
    const { admissions, leases, uses, about } = JSON.parse(enter((wasm) => wasm.KeyObject.reads()));
    return JSON.stringify({
      admissions: rows(admissions).flat(),
      leases: rows(leases),
      uses: rows(uses),
      about: rows(about)[0] ?? null,
    });
  }

  #addTables() {
    this.ctx.storage.sql.exec(enter((wasm) => wasm.KeyObject.tables()));
    this.#hasTables = true;
  }

  /** Does what the instance wants done; how long it wants to wait for leases, or null. */
  #do(work) {
    const [wait, writes, alarm, later] = JSON.parse(work);
    const { sql } = this.ctx.storage;
    if (writes.length > 0 && !this.#hasTables) this.#addTables();
    for (const [statement, ...parameters] of writes) sql.exec(statement, ...parameters);
    const at = alarm === null ? Number.POSITIVE_INFINITY : alarmAt(alarm);
    if (at < this.#alarm) {
      this.#alarm = at;
      this.ctx.storage.setAlarm(at);
    }
    if (later && !this.#keeping) {
      this.#keeping = true;
      this.ctx.waitUntil(sleep(KEEP_MS).then(() => this.#keep()));
    }
    return wait;
  }

  #keep() {
    this.#keeping = false;
    this.#call((key) => key.keep(now()));
  }

  #call(call) {
    const object = this.#object();
    return this.#do(enter(() => call(object)));
  }

  /** A lease was reported. */
  #wake() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async #wait(ms) {
    await Promise.race([new Promise((resolve) => this.#waiting.push(resolve)), sleep(ms)]);
  }

  async #waitForLeases() {
    const before = now();
    for (let wait; (wait = this.#call((key) => key.waits(before, now()))) !== null; ) await this.#wait(wait);
  }

  /** The answer to a use of the key, as JSON. */
  async admit(reports, question) {
    this.reportUsage(reports);
    for (;;) {
      const object = this.#object();
      const answer = enter(() => object.admit(question, now()));
      const line = answer.indexOf("\n");
      const wait = this.#do(answer.slice(line + 1));
      if (line > 0) return answer.slice(0, line);
      await this.#wait(wait);
    }
  }

  /** Grants a lease ahead of the need. */
  renew(reports, key) {
    this.reportUsage(reports);
    const object = this.#object();
    const [renewal, work] = enter(() => object.renew(key, now())).split("\n");
    this.#do(work);
    return renewal;
  }

  /** Ends leases. */
  reportUsage(reports) {
    if (reports === "[]") return;
    this.#call((key) => key.reportUsage(reports, now()));
    this.#wake();
  }

  /** Returns once no lease is outstanding, and every decision reads the database anew. */
  async invalidate(reports) {
    this.reportUsage(reports);
    this.#call((key) => key.invalidate(now()));
    await this.#waitForLeases();
  }

  /** What was counted of a key and is not saved, as JSON. */
  async unsaved(reports, keyId) {
    this.reportUsage(reports);
    await this.#waitForLeases();
    const object = this.#object();
    return enter(() => object.unsaved(keyId));
  }

  /** Saves what was counted, and leaves nothing behind once nothing is of use any more. */
  async alarm() {
    this.#alarm = Number.POSITIVE_INFINITY;
    const object = this.#object();
    const statements = enter(() => object.save(now()));
    if (statements === "") {
      this.#call((key) => key.keep(now()));
    } else {
      const saved = within(d1(this.env.DB, statements), SAVE_MS).then(
        (rows) => rows !== undefined,
        (error) => console.error("the use of a key was not saved, and will be:", error),
      );
      const done = (await saved) === true;
      this.#call((key) => key.saved(done, now()));
    }
    if (this.#alarm !== Number.POSITIVE_INFINITY) return;
    this.#key = undefined;
    this.#hasTables = false;
    await this.ctx.storage.deleteAll();
  }
}

/** Computes password hashes, one at a time, and keeps nothing. */
export class PasswordHasher extends DurableObject {
  /** The answer to a job of `ports::PasswordHasher`, as JSON; nothing where nobody waits for it any more. */
  async hash(question, until) {
    // The clock stands still from one job to the next, unless something is waited for.
    await sleep(0);
    if (Date.now() >= until) return undefined;
    return enter((wasm) => wasm.hash(question));
  }
}
