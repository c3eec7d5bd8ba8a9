// What stands between the Workers runtime and the wasm instance: calls into it, promises that it settles
// later, and the platform's functions that it calls. `worker.mjs` holds the handlers.

import { env, waitUntil } from "cloudflare:workers";
import * as wasm from "./aibaas.js";
import module from "./aibaas_bg.wasm";

/** A body of so many bytes is one byte longer than the application ever takes. */
export const BODY_LIMIT = 1024 * 1024 + 1;
/** Within so long so many bytes of a body arrive, or its end; as on the other hosts. */
const BODY_WINDOW_MS = 15_000;
const LEAST_BYTES = 8 * 1024;
/** What is read of a body over the limit, and thrown away, so that its client gets to read the refusal. */
const MOST_DRAINED = 8 * 1024 * 1024;
/** A whole body's time. */
const BODY_MS = 60_000;
/** Instead of a body that did not arrive in time. */
export const LATE = Symbol("late");
/** No handler lives longer; what is older was cancelled by the runtime and would stay for ever. */
const ABANDONED_MS = 20 * 60 * 1000;

/** Routes are shorter, and of ASCII alone. */
const LONGEST_INDEX = 96;

/** Up to here a body is small: most are, and a flood of large ones must not keep them out. */
const SMALL_BODY = 64 * 1024;
/** What bodies may take of this isolate's memory, each until its request is answered: it has 128 MB for everything. */
const small = { free: 128 * SMALL_BODY };
const large = { free: 16 * BODY_LIMIT };

/** Instead of a body that is too long. Nothing is kept of it. */
export const TOO_LONG = Symbol("too long");
/** Instead of a body that there is no room for. */
export const CROWDED = Symbol("crowded");

/** What one request's body takes of the memory. */
export class Share {
  #room = large;
  #bytes = 0;
  #isOver = false;

  /** Whether there is room for so many bytes more. */
  take(bytes, room = this.#room) {
    if (this.#isOver || room.free < bytes) return false;
    room.free -= bytes;
    this.#bytes += bytes;
    this.#room = room;
    return true;
  }

  giveBack() {
    this.#room.free += this.#bytes;
    this.#bytes = 0;
  }

  /** Gives it all back; a body that is still being read, for nobody, gets none any more. */
  end() {
    this.giveBack();
    this.#isOver = true;
  }
}

/** The work that the instance has not finished, by id. Oldest first. */
const pending = new Map();
let lastId = 0;
/** Counts the instances: what one of them left behind must never reach the next. */
export let epoch = 0;

wasm.initSync({ module });
wasm.start(env);

/**
 * Calls into the instance. Whatever exception leaves it, a trap above all, left it half-way through:
 * everything it had promised is rejected, and a fresh instance takes the next call.
 */
export function enter(call) {
  try {
    return call(wasm);
  } catch (error) {
    console.error("the wasm instance failed and is replaced:", error);
    epoch += 1;
    const abandoned = [...pending.values()];
    pending.clear();
    for (const { reject } of abandoned) reject(error);
    wasm.__wbg_reset_state();
    wasm.start(env);
    throw error;
  }
}

/** The time as the instance sees it. */
export const now = () => wasm.now();

/** When it will be that time by the runtime's clock, which sets off alarms. */
export const alarmAt = (time) => time - wasm.now() + Date.now();

/** Starts work that the instance answers now or, by `settle`, later. */
export function begin(call) {
  const id = nextId();
  const answer = enter((wasm) => call(wasm, id));
  return answer === undefined ? promised(id) : answer;
}

/** It comes round after four thousand million: long after the work that had it before. */
function nextId() {
  lastId = (lastId + 1) >>> 0;
  return lastId;
}

function promised(id) {
  const since = Date.now();
  for (const [old, entry] of pending) {
    if (since - entry.since < ABANDONED_MS) break;
    pending.delete(old);
    enter((wasm) => wasm.forget(old));
  }
  const promise = new Promise((resolve, reject) => pending.set(id, { resolve, reject, since }));
  // The work goes to its end even when the client has left: it may be half-way through its writes.
  waitUntil(promise.catch(() => {}));
  return promise;
}

/**
 * Reads a request's body, or gives up on a client that has stopped sending it. A small one whose length is told needs no
 * stream, which costs as much as the reading; a mere look at `body` makes one.
 */
export async function readRequestBody(request, length, share) {
  let timer;
  let window = 0;
  const isSmall = length <= SMALL_BODY && share.take(length, small);
  const late = new Promise((resolve) => {
    if (isSmall) {
      // How far it has come is not told: it has all its windows at once.
      const windows = 1 + Math.floor(length / LEAST_BYTES);
      timer = setTimeout(resolve, Math.min(BODY_MS, windows * BODY_WINDOW_MS), LATE);
      return;
    }
    let left = BODY_MS / BODY_WINDOW_MS;
    timer = setInterval(() => {
      left -= 1;
      if (window < LEAST_BYTES || left <= 0) resolve(LATE);
      window = 0;
    }, BODY_WINDOW_MS);
  });
  const arrived = (bytes) => (window += bytes);
  const reading = isSmall
    ? request.arrayBuffer().then((body) => new Uint8Array(body))
    : readCounted(request, length >= BODY_LIMIT, share, arrived);
  // What it says when nobody listens any more is of no interest.
  reading.catch(() => {});
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a body that takes its room as it arrives, and throws away what nobody will look at. */
async function readCounted(request, isTooLong, share, arrived) {
  if (request.body === null) return undefined;
  const pieces = [];
  let size = 0;
  let keeps = !isTooLong;
  for await (const piece of request.body) {
    size += piece.byteLength;
    arrived(piece.byteLength);
    if (keeps) {
      keeps = size < BODY_LIMIT && share.take(piece.byteLength);
      if (keeps) {
        pieces.push(piece);
      } else {
        pieces.length = 0;
        share.giveBack();
      }
    }
    // Leaving the loop cancels the stream.
    if (size >= MOST_DRAINED) break;
  }
  if (isTooLong || size >= BODY_LIMIT) return TOO_LONG;
  return keeps ? joined(pieces, size) : CROWDED;
}

/** Reads the body of another server's answer, no further than the limit. */
async function readAnswer(answer) {
  if (answer.body === null) return new Uint8Array();
  const pieces = [];
  let size = 0;
  for await (const piece of answer.body) {
    pieces.push(piece);
    size += piece.byteLength;
    // Leaving the loop cancels the stream.
    if (size >= BODY_LIMIT) break;
  }
  return joined(pieces, size).subarray(0, BODY_LIMIT);
}

function joined(pieces, size) {
  const body = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.byteLength;
  }
  return body;
}

// Called by the instance. Views of its memory are copied at once: the memory moves when it grows.

/** Sets of headers that answers were given, by their text: the runtime copies what is kept here faster than it reads it. */
const headerSets = new Map();
/** So many: more than the application has, unless it is told of new origins all the time. */
const HEADER_SETS = 256;

/** An answer from its packed headers, and what follows them: a body that is a text, or nothing where there is another. */
function respond(status, packed, body) {
  const line = packed.indexOf("\n");
  const fixed = packed.slice(0, line);
  let headers = headerSets.get(fixed);
  if (headers === undefined) {
    headers = new Headers(JSON.parse(fixed));
    if (headerSets.size >= HEADER_SETS) headerSets.clear();
    headerSets.set(fixed, headers);
  }
  const others = [];
  let at = line + 1;
  for (let end; (end = packed.indexOf("\n", at)) > at; ) {
    const value = packed.indexOf("\n", end + 1);
    others.push([packed.slice(at, end), packed.slice(end + 1, value)]);
    at = value + 1;
  }
  const text = at + 1 === packed.length ? null : packed.slice(at + 1);
  const response = new Response(body ?? text, { status, headers });
  for (const [name, value] of others) response.headers.append(name, value);
  return response;
}

/** An answer from its packed headers with its body, a text after them. */
export function respondText(status, text) {
  return respond(status, text);
}

/** An answer from its packed headers, and its body. */
export function respondBytes(status, headers, body) {
  return respond(status, headers, body.slice());
}

/**
 * Counts a request in the data set of the binding ANALYTICS: route, method, status, caller and decisions about keys, a line
 * each, and how long it took. It returns at once; what is over a limit of the data set is lost, and the answer is not.
 */
export function countRequest(told, durationMs) {
  writePoint(told.split("\n"), [durationMs]);
}

/** Size of the database in bytes, as D1 told it with its last answer. */
let databaseBytes;

/** Counts a tick in the same data set: its numbers, and the size of the database where D1 told it. */
export function countTick(numbers) {
  writePoint(["tick"], databaseBytes === undefined ? [...numbers] : [...numbers, databaseBytes]);
}

function writePoint(blobs, doubles) {
  try {
    env.ANALYTICS.writeDataPoint({ indexes: [blobs[0].slice(0, LONGEST_INDEX)], blobs, doubles });
  } catch (error) {
    console.error("a point was not written:", error);
  }
}

/** Gives the answer that `begin` promised. */
export function settle(id, answer) {
  pending.get(id)?.resolve(answer);
  pending.delete(id);
}

/** Lets the work go on, in the request whose event woke it. */
export function wake(id) {
  const born = epoch;
  queueMicrotask(() => {
    if (born === epoch) enter((wasm) => wasm.step(id));
  });
}

/** Timers that run, by id. */
const timers = new Map();
let lastTimer = 0;

/** Has the instance's task woken after so many milliseconds, in the request that asks for it. */
export function setTimer(task, ms) {
  const born = epoch;
  const id = (lastTimer = (lastTimer + 1) >>> 0);
  const ring = () => {
    timers.delete(id);
    if (born === epoch) enter((wasm) => wasm.ring(task));
  };
  timers.set(id, setTimeout(ring, ms));
  return id;
}

export function clearTimer(id) {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

/** An id for work that goes on after the answer. */
export function background() {
  const id = nextId();
  promised(id).catch(() => {});
  return id;
}

/** Runs `[[sql, parameters], …]` as one transaction, on the primary; the table of each, as JSON. */
export async function d1(database, statements) {
  // Without a session every statement is the primary's, and none has to be told what was read before.
  const bound = JSON.parse(statements).map(([sql, parameters]) =>
    database.prepare(sql).bind(...parameters.map((value) => (Array.isArray(value) ? new Uint8Array(value) : value))),
  );
  // `.all()` would lose the error; `.run()` gives rows as well.
  const results = bound.length === 1 ? [await bound[0].run()] : await database.batch(bound);
  databaseBytes = results.at(-1)?.meta?.size_after;
  // Names of columns once, and not in every row: what crosses is shorter, and quicker to write and to read.
  return JSON.stringify(results.map(({ results: rows }) => [Object.keys(rows[0] ?? {}), rows.map((row) => Object.values(row))]));
}

/** Asks the object that counts for the subject. */
export function admit(namespace, subject, question) {
  return namespace.get(namespace.idFromName(subject)).admit(question);
}

/** Calls a method of the object of a key, with what is given back and what is asked. */
export function askKey(namespace, name, method, reports, question) {
  return namespace.get(namespace.idFromName(name))[method](reports, question);
}

/** What the promise comes to, or `undefined` where that takes longer. */
export async function within(promise, ms) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits. */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Has an object compute a password hash, which it does not begin once nobody waits for it any more. `undefined` when it
 * is worth another try: the object died, or has not answered for long.
 */
export async function hash(namespace, name, question, patienceMs) {
  const object = namespace.get(namespace.idFromName(name));
  try {
    return await within(object.hash(question, Date.now() + patienceMs), patienceMs);
  } catch (error) {
    // Moved, dead, overloaded or replaced by a new deployment: nothing is done, and another try has another object.
    console.error("a hashing object failed:", error);
    return undefined;
  }
}

/** An outbound request: `[status, headers as JSON, body]`. Where only the head is wanted, the body is dropped unread. */
export async function send(method, url, headers, body, timeoutMs, isHeadEnough) {
  const answer = await fetch(url, {
    method,
    headers: JSON.parse(headers),
    body: body.length === 0 ? null : body.slice(),
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  // It may be large, or never end.
  if (isHeadEnough) answer.body?.cancel().catch(() => {});
  const read = isHeadEnough ? new Uint8Array() : await readAnswer(answer);
  return [answer.status, JSON.stringify([...answer.headers]), read];
}
