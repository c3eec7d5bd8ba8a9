import type { Client } from './client.js';
import { hasCode } from './errors.js';
import type { components } from './generated/schema.js';
import type { Tokens, User } from './session.js';

type Schemas = components['schemas'];

/** What a login comes to: a session, or the question for the second factor. */
export type LoginResult =
  | { status: 'authenticated'; user: User }
  | { status: 'mfa_required'; mfaToken: string; methods: Schemas['MfaMethod'][]; expiresInSeconds: number };

export interface CallOptions {
  signal?: AbortSignal;
}

/** Registers a person, and starts and ends their session. */
export class Auth {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Asks for an account. The answer is the same whether or not the address has one: a mail tells. */
  async register(body: Schemas['RegisterRequest'], options?: CallOptions): Promise<void> {
    await this.#client.post('/api/v1/auth/register', { body, ...options });
  }

  /** Verifies the address, by the token of the mailed link and the password that was chosen with it. */
  async verifyEmail(body: { token: string; password: string }, options?: CallOptions): Promise<User> {
    return (await this.#client.post('/api/v1/auth/verify-email', { body, ...options })).user;
  }

  async login(body: { email: string; password: string }, options?: CallOptions): Promise<LoginResult> {
    const mode = this.#client.session.mode;
    const answer = await this.#client.post('/api/v1/auth/login', { body: { ...body, mode }, ...options });
    if ('mfaToken' in answer) return answer;
    return { status: 'authenticated', user: await this.#client.session.start(answer) };
  }

  /** Finishes a login with a code of the authenticator, or a recovery code. */
  async completeMfa(body: { mfaToken: string; code: string }, options?: CallOptions): Promise<User> {
    const tokens: Tokens = await this.#client.post('/api/v1/auth/login/mfa', { body, ...options });
    return this.#client.session.start(tokens);
  }

  /** Ends the session. Where that had ended before, it is over too. */
  async logout(options?: CallOptions): Promise<void> {
    try {
      await this.#client.post('/api/v1/auth/logout', { ...options });
    } catch (error) {
      if (!hasCode(error, 'missing_credentials', 'invalid_token', 'expired_token', 'session_revoked')) throw error;
    }
    await this.#client.session.end();
  }
}
