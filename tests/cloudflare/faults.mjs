// Part of the harness: bindings that hang, fail or break off. It stands before the Worker, whose instance takes hold of
// its bindings when it starts.
//
// `set(of, fault, times)`: "database", "cache", "limits", "gate" or "hasher" now "hangs" (until it is healed, and then
// does what it was asked), "hangsToTell" (does it, and says so once it is healed), "fails" (does nothing) or "breaksOff"
// (does it, and says that the connection was lost), so many times.

import { env } from "cloudflare:workers";

// The mail service takes one mail to each address that begins with "suppressed", and has it on its list then.
if (env.EMAIL) {
  const { EMAIL } = env;
  const met = new Set();
  env.EMAIL = {
    async send(message) {
      if (met.has(message.to)) throw Object.assign(new Error(`${message.to} is suppressed`), { code: "E_RECIPIENT_SUPPRESSED" });
      if (message.to.startsWith("suppressed")) met.add(message.to);
      return EMAIL.send(message);
    },
  };
}

const faults = new Map();
let heals = 0;

export const set = (of, fault, times) => faults.set(of, { fault, left: times });
export const heal = () => {
  heals += 1;
  faults.clear();
};

/** Each request has to wait by a timer of its own: the runtime ends one that waits for another's. */
async function hang() {
  for (const since = heals; since === heals; ) await new Promise((resolve) => setTimeout(resolve, 100));
}

const MESSAGES = {
  database: "D1_ERROR: Network connection lost.",
  hasher: "internal error; reference = 0123456789",
};
const lost = (of) => new Error(MESSAGES[of] ?? "Network connection lost.");

async function around(of, work) {
  const met = faults.get(of);
  if (met === undefined || met.left <= 0) return work();
  met.left -= 1;
  switch (met.fault) {
    case "hangs":
      await hang();
      return work();
    case "hangsToTell": {
      const outcome = await work();
      await hang();
      return outcome;
    }
    case "breaksOff":
      await work();
      throw lost(of);
    default:
      throw lost(of);
  }
}

const database = Object.getPrototypeOf(env.DB);
const { prepare, batch } = database;
database.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  const bind = statement.bind.bind(statement);
  statement.bind = (...parameters) => {
    const bound = bind(...parameters);
    const run = bound.run.bind(bound);
    bound.run = () => around("database", run);
    return bound;
  };
  return statement;
};
database.batch = function (statements) {
  return around("database", () => batch.call(this, statements));
};

const cache = Object.getPrototypeOf(env.CACHE);
for (const method of ["get", "put", "delete"]) {
  const original = cache[method];
  cache[method] = function (...parameters) {
    return around("cache", () => original.apply(this, parameters));
  };
}

/** Whose method it is; of the two that admit, the limiter's takes one parameter. */
function dependency(method, parameters) {
  if (method === "hash") return "hasher";
  return method === "admit" && parameters.length === 1 ? "limits" : "gate";
}

const METHODS = ["admit", "renew", "reportUsage", "invalidate", "unsaved", "hash"];
const objects = Object.getPrototypeOf(env.KEY_GATE);
const { get } = objects;
objects.get = function (id) {
  const stub = get.call(this, id);
  if (faults.size === 0) return stub;
  const methods = METHODS.map((name) => [
    name,
    (...parameters) => around(dependency(name, parameters), () => stub[name](...parameters)),
  ]);
  return new Proxy(stub, {
    get: (target, name) => Object.fromEntries(methods)[name] ?? target[name],
  });
};
