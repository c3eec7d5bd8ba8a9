export { Auth, type CallOptions, type LoginResult } from './auth.js';
export { type Call, Client, type ClientOptions, createClient, type ItemOf, type ListPath } from './client.js';
export { type Clock, systemClock } from './clock.js';
export * from './errors.js';
export type { components, operations, paths } from './generated/schema.js';
export type { RetryOptions } from './retry.js';
export { memoryStore, Session, type SessionMode, type StoredTokens, type Tokens, type TokenStore, type User } from './session.js';
export { type KeyQuestion, KeyVerifier, type KeyVerifierOptions, type UnaskedVerdict, type Verdict } from './verify.js';
