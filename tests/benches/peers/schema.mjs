// The tables, as drizzle knows them.

import { integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const users = sqliteTable("users", {
  id: text("id").primaryKey(),
  email: text("email").notNull(),
  fullName: text("full_name"),
  passwordHash: text("password_hash").notNull(),
  verifiedAt: integer("verified_at"),
  createdAt: integer("created_at").notNull(),
});

export const tokens = sqliteTable("tokens", {
  hash: text("hash").primaryKey(),
  userId: text("user_id").notNull(),
  expiresAt: integer("expires_at").notNull(),
});

export const mails = sqliteTable("mails", {
  id: text("id").primaryKey(),
  recipient: text("recipient").notNull(),
  text: text("text").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const sessions = sqliteTable("sessions", {
  id: text("id").primaryKey(),
  userId: text("user_id").notNull(),
  refreshHash: text("refresh_hash").notNull(),
  createdAt: integer("created_at").notNull(),
  usedAt: integer("used_at").notNull(),
});

export const events = sqliteTable("events", {
  id: text("id").primaryKey(),
  userId: text("user_id").notNull(),
  kind: text("kind").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const apiKeys = sqliteTable("api_keys", {
  id: text("id").primaryKey(),
  userId: text("user_id").notNull(),
  hash: text("hash").notNull(),
  name: text("name").notNull(),
  scopes: text("scopes", { mode: "json" }).notNull(),
  rateLimit: integer("rate_limit").notNull(),
  windowStart: integer("window_start").notNull(),
  windowCount: integer("window_count").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const benchmarks = sqliteTable(
  "benchmarks",
  { slug: text("slug").notNull(), version: text("version").notNull(), title: text("title").notNull() },
  (table) => [primaryKey({ columns: [table.slug, table.version] })],
);

export const models = sqliteTable("models", { id: text("id").primaryKey(), displayName: text("display_name").notNull() });

export const runs = sqliteTable("runs", {
  id: text("id").primaryKey(),
  userId: text("user_id").notNull(),
  model: text("model").notNull(),
  slug: text("slug").notNull(),
  version: text("version").notNull(),
  harness: text("harness").notNull(),
  status: text("status").notNull(),
  score: real("score"),
  low: real("low"),
  high: real("high"),
  tasks: integer("tasks"),
  publishedAt: integer("published_at"),
});
