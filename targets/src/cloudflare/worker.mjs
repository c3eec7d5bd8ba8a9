// The Worker's handlers and its Durable Objects. What they decide is decided in the wasm instance.

import { DurableObject } from "cloudflare:workers";
import { begin, enter, epoch, readBody } from "./glue.mjs";

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
  return new Response(JSON.stringify({ type: `https://aibaas.com/problems/${code}`, title, status, code, detail, requestId }), {
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

const shielded = () =>
  problem(429, "too_many_requests", "Too many requests", "this address sends too many requests", { "retry-after": "10" });

function answer(request, method, body) {
  const { url, headers } = request;
  // Path and query, as the other hosts see them: an origin ends at the first slash after its "https://".
  let head = `${method}\n${url.slice(url.indexOf("/", 8))}`;
  // An iterator would cost twice as much.
  headers.forEach((value, name) => {
    if (!EDGE_HEADERS.has(name)) head += `\n${name}\n${value}`;
  });
  try {
    const response = begin((wasm, id) => wasm.handle(id, head, body));
    if (response === null) return unconfigured();
    return response instanceof Promise ? response.catch(failed) : response;
  } catch {
    return failed();
  }
}

/** Whatever hashes or writes passes the shield first; a shield that is down stops nobody. */
async function answerBehindShield(request, method, env) {
  const key = request.headers.get("cf-connecting-ip") ?? "";
  const verdict = await env.SHIELD?.limit({ key }).catch(() => undefined);
  return verdict?.success === false ? shielded() : answer(request, method, await readBody(request));
}

export default {
  fetch(request, env) {
    const { method } = request;
    return SAFE.has(method) ? answer(request, method) : answerBehindShield(request, method, env);
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
    const [answer, charges] = enter(() => limiter.admit(question, Date.now())).split("\n");
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
    if (last !== null && last > Date.now()) return this.#wakeAt(last);
    this.#limiter = undefined;
    await this.ctx.storage.deleteAll();
  }

  #wakeAt(time) {
    this.#alarmed = true;
    return this.ctx.storage.setAlarm(time);
  }
}

/** Computes password hashes, one at a time, and keeps nothing. */
export class PasswordHasher extends DurableObject {
  /** The answer to a job of `ports::PasswordHasher`, as JSON. */
  hash(question) {
    return enter((wasm) => wasm.hash(question));
  }
}
