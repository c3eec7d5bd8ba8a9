import { abortable, type Clock } from './clock.js';
import { AuthenticationError, errorOf, hasCode } from './errors.js';
import type { components } from './generated/schema.js';

export type User = components['schemas']['User'];
export type Tokens = components['schemas']['Tokens'];
type BrowserSession = components['schemas']['LiveBrowserSession'] | components['schemas']['NoBrowserSession'];

/** Where the tokens of `token` mode are kept, so that a session outlives the process. Whoever reads them is the user. */
export interface TokenStore {
  load(): StoredTokens | undefined | Promise<StoredTokens | undefined>;
  /** Without tokens, the session is over. */
  save(tokens: StoredTokens | undefined): void | Promise<void>;
}

export interface StoredTokens {
  refreshToken: string;
}

/**
 * How the refresh token travels.
 *
 * - `token`: in answers and bodies. For programs and telephones; it is kept in a `TokenStore`, by default in memory.
 * - `cookie`: in a cookie that no script can read. For browsers: a reload finds the session again.
 */
export type SessionMode = 'token' | 'cookie';

/** How long before its end an access token is replaced. */
const LEEWAY_MS = 30_000;

export interface SessionContext {
  mode: SessionMode;
  baseUrl: string;
  clock: Clock;
  store: TokenStore;
  /** Sends a request that may be done twice. */
  send: (request: Request) => Promise<Response>;
}

/** The session of a person: fetches access tokens when they are needed, one at a time, whoever asks. */
export class Session {
  readonly #context: SessionContext;
  readonly #listeners = new Set<(user: User | undefined) => void>();
  #access: { token: string; endsAt: number } | undefined;
  #user: User | undefined;
  /** Counts logins and ends: what was asked before one of them tells nothing of what is after it. */
  #epoch = 0;
  #isKnown = false;
  #resuming: Promise<User | undefined> | undefined;
  #refreshing: Promise<string | undefined> | undefined;

  constructor(context: SessionContext) {
    this.#context = context;
  }

  get mode(): SessionMode {
    return this.#context.mode;
  }

  /** Who is logged in, as far as it is known: `resume` finds out. */
  get user(): User | undefined {
    return this.#user;
  }

  /** Calls the listener at each login, and with `undefined` at each end. Returns what stops that. */
  subscribe(listener: (user: User | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Finds the session of an earlier page or process. Nobody being logged in is `undefined`, and no error, and in `cookie`
   * mode no refusal on the console either.
   */
  resume(): Promise<User | undefined> {
    this.#resuming ??= this.#resume().finally(() => (this.#resuming = undefined));
    return this.#resuming;
  }

  /** An access token that holds for a while, or `undefined` where nobody is logged in. */
  async accessToken(signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.#context;
    if (!this.#isKnown) await abortable(this.resume(), signal);
    if (this.#access && clock.now() < this.#access.endsAt - LEEWAY_MS) return this.#access.token;
    return this.#user && (await abortable(this.refresh(), signal));
  }

  /** Fetches the next tokens, once for all who ask meanwhile. */
  refresh(): Promise<string | undefined> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** The server does not take the access token any more; another one may be fetched. */
  reject(token: string): void {
    if (this.#access?.token === token) this.#access = undefined;
  }

  /** Starts with the tokens of a login. */
  async start(tokens: Tokens): Promise<User> {
    this.#epoch++;
    return this.#keep(tokens);
  }

  /** The session is over. */
  async end(): Promise<void> {
    this.#epoch++;
    this.#isKnown = true;
    this.#access = undefined;
    if (this.mode === 'token') await this.#context.store.save(undefined);
    this.#tell(undefined);
  }

  async #resume(): Promise<User | undefined> {
    const epoch = this.#epoch;
    if (this.mode === 'cookie') {
      const response = await this.#context.send(this.#request('session', 'GET'));
      if (!response.ok) throw await errorOf(response);
      const session = (await response.json()) as BrowserSession;
      if (epoch !== this.#epoch) return this.#user;
      if (!session.authenticated) {
        this.#isKnown = true;
        this.#tell(undefined);
        return undefined;
      }
    } else if ((await this.#context.store.load()) === undefined) {
      this.#isKnown = true;
      return undefined;
    }
    await this.refresh();
    return this.#user;
  }

  async #refresh(): Promise<string | undefined> {
    const epoch = this.#epoch;
    let body: string | undefined;
    if (this.mode === 'token') {
      const stored = await this.#context.store.load();
      if (stored === undefined) return undefined;
      body = JSON.stringify({ refreshToken: stored.refreshToken });
    }
    const response = await this.#context.send(this.#request('refresh', 'POST', body));
    if (response.ok) {
      const tokens = (await response.json()) as Tokens;
      if (epoch !== this.#epoch) return this.#access?.token;
      await this.#keep(tokens);
      return tokens.accessToken;
    }
    const error = await errorOf(response);
    if (epoch !== this.#epoch) return this.#access?.token;
    // Not where we could not be let in for the moment: the session lives on.
    if (!(error instanceof AuthenticationError) && !hasCode(error, 'account_suspended')) throw error;
    await this.end();
    return undefined;
  }

  async #keep(tokens: Tokens): Promise<User> {
    this.#isKnown = true;
    this.#access = { token: tokens.accessToken, endsAt: this.#context.clock.now() + tokens.expiresIn * 1000 };
    if (this.mode === 'token' && tokens.refreshToken !== undefined) {
      await this.#context.store.save({ refreshToken: tokens.refreshToken });
    }
    this.#tell(tokens.user);
    return tokens.user;
  }

  #tell(user: User | undefined): void {
    const before = this.#user;
    this.#user = user;
    if (before === undefined && user === undefined) return;
    if (before?.id === user?.id && JSON.stringify(before) === JSON.stringify(user)) return;
    for (const listener of this.#listeners) listener(user);
  }

  #request(call: string, method: string, body?: string): Request {
    const init: RequestInit = { method, credentials: this.mode === 'cookie' ? 'include' : 'omit' };
    if (body !== undefined) Object.assign(init, { body, headers: { 'Content-Type': 'application/json' } });
    return new Request(`${this.#context.baseUrl}/api/v1/auth/${call}`, init);
  }
}

/** Keeps tokens in memory. */
export function memoryStore(): TokenStore {
  let kept: StoredTokens | undefined;
  return {
    load: () => kept,
    save: (tokens) => {
      kept = tokens;
    },
  };
}
