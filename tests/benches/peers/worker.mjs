// The service as it is usually written for Workers: Hono, drizzle on D1, jose, a SIMD build of Argon2, valibot.
//
// It answers the calls that `tests/benches/peers.rs` makes, on the same paths with the same bodies, and does the same
// jobs: the same parameters of the hash, hashes of tokens alone in the database, a batch for what must be whole, a limit
// for each key, a rank and an interval for each row. It counts no guesses, keeps no idempotency, log, slices, snapshots or
// ranges of ranks, caches nothing, and sends no mail.

import Argon2 from "@phi-ag/argon2";
import argon2Module from "@phi-ag/argon2/argon2.wasm";
import { DurableObject, env } from "cloudflare:workers";
import { and, desc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { html } from "hono/html";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { SignJWT, jwtVerify } from "jose";
import * as v from "valibot";

import * as schema from "./schema.mjs";
import { apiKeys, benchmarks, events, mails, models, runs, sessions, tokens, users } from "./schema.mjs";

// Bound as the application's are, and never asked.
export class RateLimiter extends DurableObject {}
export class KeyGate extends DurableObject {}
export class PasswordHasher extends DurableObject {}

const HASH = { memoryCost: 19456, timeCost: 2, parallelism: 1 };
const argon2 = new Argon2(await WebAssembly.instantiate(argon2Module));
const db = drizzle(env.DB, { schema });
const secret = new TextEncoder().encode(env.JWT_SECRET);
const now = () => Date.now();

async function digest(text) {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function random() {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const refuse = (status, code) => {
  throw new HTTPException(status, { message: code });
};

async function body(context, shape) {
  const parsed = v.safeParse(shape, await context.req.json().catch(() => undefined));
  return parsed.success ? parsed.output : refuse(400, "validation_failed");
}

const email = v.pipe(v.string(), v.trim(), v.toLowerCase(), v.email(), v.maxLength(254));
const password = v.pipe(v.string(), v.minLength(8), v.maxLength(128));
const Registration = v.object({ email, password, fullName: v.optional(v.pipe(v.string(), v.maxLength(100))) });
const Credentials = v.object({ email, password });
const Token = v.object({ token: v.string() });
const Refresh = v.object({ refreshToken: v.string() });
const NewKey = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
  scopes: v.array(v.picklist(["results:write", "models:write", "keys:verify", "leaderboard:read"])),
  rateLimit: v.pipe(v.number(), v.integer(), v.minValue(1)),
});
const ShownKey = v.object({ key: v.string() });
const Version = v.object({
  title: v.string(),
  metric: v.literal("pass_rate"),
  tasks: v.array(v.object({ id: v.pipe(v.string(), v.minLength(1), v.maxLength(200)) })),
});
const Model = v.object({ displayName: v.string() });
const NewRun = v.object({
  model: v.string(),
  benchmark: v.string(),
  version: v.string(),
  harness: v.string(),
  harnessVersion: v.string(),
  commit: v.string(),
  evaluatorRelationship: v.string(),
});
const Results = v.pipe(
  v.array(
    v.object({
      task: v.pipe(v.string(), v.maxLength(200)),
      attempt: v.pipe(v.number(), v.integer(), v.minValue(1)),
      status: v.picklist(["success", "failed", "error"]),
      score: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
    }),
  ),
  v.minLength(1),
  v.maxLength(1000),
);

/** Begins or goes on with a session: the tokens of its next quarter of an hour. */
async function tokensOf(session, user, refreshToken) {
  const accessToken = await new SignJWT({ sid: session })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuer(env.BASE_URL)
    .setIssuedAt()
    .setExpirationTime("15m")
    .sign(secret);
  return { accessToken, refreshToken, tokenType: "Bearer", expiresIn: 900 };
}

const bearer = (context) => context.req.header("Authorization")?.replace(/^Bearer /, "") ?? refuse(401, "unauthorized");

/** The person of the access token, whose session is still there. */
async function person(context) {
  const { payload } = await jwtVerify(bearer(context), secret, { issuer: env.BASE_URL }).catch(() => refuse(401, "unauthorized"));
  const [row] = await db
    .select({ user: users, session: sessions.id })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.id, payload.sid), eq(users.id, payload.sub)));
  return row?.user ?? refuse(401, "unauthorized");
}

/** A use of a key: counted against its limit in the statement that finds it. */
async function use(key) {
  const minute = Math.floor(now() / 60_000);
  const [used] = await db
    .update(apiKeys)
    .set({
      windowStart: minute,
      windowCount: sql`CASE WHEN ${apiKeys.windowStart} = ${minute} THEN ${apiKeys.windowCount} + 1 ELSE 1 END`,
    })
    .where(and(eq(apiKeys.hash, await digest(key)), sql`(${apiKeys.windowStart} <> ${minute} OR ${apiKeys.windowCount} < ${apiKeys.rateLimit})`))
    .returning();
  return used;
}

async function caller(context, scope) {
  const key = (await use(bearer(context))) ?? refuse(401, "invalid_api_key");
  return key.scopes.includes(scope) ? key : refuse(403, "insufficient_scope");
}

const app = new Hono();
app.use(secureHeaders());
app.use(async (context, next) => {
  await next();
  context.header("X-Request-Id", crypto.randomUUID());
});
app.onError((error, context) => {
  const status = error instanceof HTTPException ? error.status : 500;
  const code = status === 500 ? "internal_error" : error.message;
  if (status === 500) console.error(error);
  return context.json({ status, code }, status, { "Content-Type": "application/problem+json" });
});

app.get("/", (context) => context.json({ name: "peer", version: "1" }));

app.post("/api/v1/auth/register", async (context) => {
  const { email, password, fullName } = await body(context, Registration);
  const { encoded } = argon2.hash(password, HASH);
  const [id, token, createdAt] = [crypto.randomUUID(), random(), now()];
  await db.batch([
    db.insert(users).values({ id, email, fullName, passwordHash: encoded, createdAt }).onConflictDoNothing(),
    db.insert(tokens).values({ hash: await digest(token), userId: id, expiresAt: createdAt + 86_400_000 }),
    db.insert(mails).values({ id: crypto.randomUUID(), recipient: email, text: `${env.APP_URL}/verify-email?token=${token}`, createdAt }),
    db.insert(events).values({ id: crypto.randomUUID(), userId: id, kind: "registered", createdAt }),
  ]);
  return context.json({ status: "accepted" }, 202);
});

app.get("/dev/mail", async (context) => {
  const to = context.req.query("to");
  return context.json({ data: await db.select().from(mails).where(eq(mails.recipient, to)).orderBy(desc(mails.createdAt)) });
});

app.post("/api/v1/auth/verify-email", async (context) => {
  const { token } = await body(context, Token);
  const hash = await digest(token);
  const [, verified] = await db.batch([
    db.update(users).set({ verifiedAt: now() }).where(sql`${users.id} = (SELECT user_id FROM tokens WHERE hash = ${hash} AND expires_at > ${now()})`),
    db.delete(tokens).where(eq(tokens.hash, hash)).returning(),
  ]);
  return verified.length === 1 ? context.json({ status: "verified" }) : refuse(400, "invalid_token");
});

app.post("/api/v1/auth/login", async (context) => {
  const { email, password } = await body(context, Credentials);
  const [user] = await db.select().from(users).where(eq(users.email, email));
  if (!user || !argon2.tryVerify(user.passwordHash, password).success || !user.verifiedAt) refuse(401, "invalid_credentials");
  const [id, refreshToken, createdAt] = [crypto.randomUUID(), random(), now()];
  await db.batch([
    db.insert(sessions).values({ id, userId: user.id, refreshHash: await digest(refreshToken), createdAt, usedAt: createdAt }),
    db.insert(events).values({ id: crypto.randomUUID(), userId: user.id, kind: "logged_in", createdAt }),
  ]);
  return context.json(await tokensOf(id, user.id, refreshToken));
});

app.post("/api/v1/auth/refresh", async (context) => {
  const { refreshToken } = await body(context, Refresh);
  const next = random();
  const [session] = await db
    .update(sessions)
    .set({ refreshHash: await digest(next), usedAt: now() })
    .where(eq(sessions.refreshHash, await digest(refreshToken)))
    .returning();
  if (!session) refuse(401, "invalid_refresh_token");
  return context.json(await tokensOf(session.id, session.userId, next));
});

app.get("/api/v1/users/me", async (context) => {
  const { passwordHash, ...user } = await person(context);
  return context.json(user);
});

app.post("/api/v1/api-keys", async (context) => {
  const user = await person(context);
  const { name, scopes, rateLimit } = await body(context, NewKey);
  const [id, key, createdAt] = [crypto.randomUUID(), `peer_${random()}`, now()];
  await db.batch([
    db.insert(apiKeys).values({ id, userId: user.id, hash: await digest(key), name, scopes, rateLimit, windowStart: 0, windowCount: 0, createdAt }),
    db.insert(events).values({ id: crypto.randomUUID(), userId: user.id, kind: "key_made", createdAt }),
  ]);
  return context.json({ key, apiKey: { id, name, scopes, rateLimit, createdAt } }, 201);
});

app.post("/api/v1/api-keys/verify", async (context) => {
  const { key } = await body(context, ShownKey);
  await caller(context, "keys:verify");
  const shown = await use(key);
  return context.json(shown ? { valid: true, id: shown.id, scopes: shown.scopes } : { valid: false });
});

app.put("/api/v1/models/:provider/:name", async (context) => {
  await caller(context, "models:write");
  const { displayName } = await body(context, Model);
  const { provider, name } = context.req.param();
  await db.insert(models).values({ id: `${provider}/${name}`, displayName }).onConflictDoNothing();
  return context.json({ id: `${provider}/${name}`, displayName }, 201);
});

app.put("/api/v1/benchmarks/:slug/versions/:version", async (context) => {
  await caller(context, "results:write");
  const { title, tasks } = await body(context, Version);
  const { slug, version } = context.req.param();
  await db.insert(benchmarks).values({ slug, version, title });
  // drizzle takes no statement of ours into a batch.
  await db.run(sql`INSERT INTO tasks SELECT ${slug}, ${version}, value ->> 'id' FROM json_each(${JSON.stringify(tasks)})`);
  return context.json({ slug, version, title, tasks: tasks.length }, 201);
});

app.post("/api/v1/runs", async (context) => {
  const { userId } = await caller(context, "results:write");
  const { model, benchmark, version, harness } = await body(context, NewRun);
  const id = crypto.randomUUID();
  await db.insert(runs).values({ id, userId, model, slug: benchmark, version, harness, status: "open" });
  return context.json({ id, status: "open" }, 201);
});

app.post("/api/v1/runs/:id/results", async (context) => {
  const { userId } = await caller(context, "results:write");
  const results = await body(context, Results);
  const id = context.req.param("id");
  // Those alone whose task the version has, in a run that is this person's and open.
  const stored = await db.run(sql`
    INSERT INTO results (run_id, task, attempt, status, score)
    SELECT runs.id, tasks.id, value ->> 'attempt', value ->> 'status', value ->> 'score'
    FROM json_each(${JSON.stringify(results)}) CROSS JOIN runs ON runs.id = ${id} AND runs.user_id = ${userId} AND runs.status = 'open'
    CROSS JOIN tasks ON tasks.slug = runs.slug AND tasks.version = runs.version AND tasks.id = value ->> 'task' WHERE true
    ON CONFLICT DO NOTHING`);
  return context.json({ stored: stored.meta.changes });
});

app.post("/api/v1/runs/:id/publish", async (context) => {
  const { userId } = await caller(context, "results:write");
  const id = context.req.param("id");
  const [{ count, mean }] = await db.all(sql`SELECT count(*) AS count, avg(score) AS mean FROM results WHERE run_id = ${id}`);
  // Wilson's interval.
  const z = 1.959964;
  const [centre, spread] = [mean + (z * z) / (2 * count), z * Math.sqrt((mean * (1 - mean)) / count + (z * z) / (4 * count * count))];
  const [low, high] = [centre - spread, centre + spread].map((bound) => bound / (1 + (z * z) / count));
  const [published] = await db.batch([
    db
      .update(runs)
      .set({ status: "published", score: mean, low, high, tasks: count, publishedAt: now() })
      .where(and(eq(runs.id, id), eq(runs.userId, userId), eq(runs.status, "open")))
      .returning(),
    db.insert(events).values({ id: crypto.randomUUID(), userId, kind: "run_published", createdAt: now() }),
  ]);
  return published.length === 1 ? context.json(published[0]) : refuse(409, "run_not_open");
});

const board = (slug) =>
  db
    .select({
      rank: sql`rank() OVER (ORDER BY ${runs.score} DESC)`,
      model: runs.model,
      displayName: models.displayName,
      harness: runs.harness,
      score: runs.score,
      low: runs.low,
      high: runs.high,
      tasks: runs.tasks,
      publishedAt: runs.publishedAt,
    })
    .from(runs)
    .innerJoin(models, eq(models.id, runs.model))
    .where(and(eq(runs.slug, slug), eq(runs.version, "1"), eq(runs.status, "published")))
    .orderBy(desc(runs.score))
    .limit(20);

app.get("/api/v1/leaderboard", async (context) => context.json({ data: await board(context.req.query("benchmark")) }));

app.get("/leaderboard", async (context) => {
  const rows = await board(context.req.query("benchmark"));
  const percent = (value) => (100 * value).toFixed(1);
  return context.html(html`<!doctype html>
    <html lang="en"><head><title>Leaderboard</title></head><body><table>
      <thead><tr><th>Rank</th><th>Model</th><th>Harness</th><th>Score</th><th>95 % interval</th><th>Tasks</th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr><td>${row.rank}</td><td><a href="/models/${row.model}">${row.displayName}</a></td><td>${row.harness}</td>
          <td>${percent(row.score)}</td><td>${percent(row.low)}–${percent(row.high)}</td><td>${row.tasks}</td></tr>`,
      )}</tbody>
    </table></body></html>`);
});

export default app;
