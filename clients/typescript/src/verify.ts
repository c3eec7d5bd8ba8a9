import type { CallOptions } from './auth.js';
import type { Client } from './client.js';
import { abortable, type Clock, systemClock } from './clock.js';
import { NetworkError, RateLimitError, ServerError } from './errors.js';
import type { components } from './generated/schema.js';

/** What the API says of a key. */
export type Verdict = components['schemas']['ApiKeyVerdict'];
/** What is made of it where the API could not be asked. */
export interface UnaskedVerdict {
  valid: boolean;
  code: 'unavailable';
  cause: unknown;
}

export type KeyQuestion = components['schemas']['ApiKeyVerify'];

export interface KeyVerifierOptions {
  /**
   * What becomes of a caller while the API cannot be asked: it does not answer, is at fault, or the service's own key is over
   * its limit. There is no default: a service has to choose.
   *
   * - `closed`: nobody gets in whose verdict is not in the cache.
   * - `open`: everybody gets in but those whose last known verdict was a refusal.
   */
  onUnavailable: 'closed' | 'open';
  /**
   * How long a verdict is believed: so long a key that was revoked still gets in, and its uses are not charged to its limit.
   * 0 asks each time. Default 5,000.
   */
  ttlMs?: number;
  /** The most verdicts that are kept; the least lately used goes first. Default 10,000. */
  maxEntries?: number;
  /** How long a caller waits for the API. Default 3,000. */
  timeoutMs?: number;
  clock?: Clock;
}

interface Entry {
  verdict: Verdict;
  until: number;
}

/** Tells a service whether to let a caller in by its API key. Its client needs a key with the scope `keys:verify`. */
export class KeyVerifier {
  readonly #client: Client;
  readonly #options: Required<KeyVerifierOptions>;
  /** By SHA-256 of the question: no key stands in memory for longer than its request. */
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<Verdict>>();

  constructor(client: Client, options: KeyVerifierOptions) {
    this.#client = client;
    this.#options = { ttlMs: 5000, maxEntries: 10_000, timeoutMs: 3000, clock: systemClock, ...options };
  }

  /** How many verdicts are kept. */
  get size(): number {
    return this.#entries.size;
  }

  async verify(question: KeyQuestion, options: CallOptions = {}): Promise<Verdict | UnaskedVerdict> {
    const { ttlMs, clock, onUnavailable } = this.#options;
    const name = await nameOf(question);
    const known = this.#entries.get(name);
    if (known && clock.now() < known.until) {
      this.#remember(name, known);
      return known.verdict;
    }
    try {
      if (ttlMs === 0) return await this.#ask(question, options.signal);
      const shared = this.#askOnce(name, question);
      return await (options.signal ? abortable(shared, options.signal) : shared);
    } catch (error) {
      options.signal?.throwIfAborted();
      // Anything else, such as a wrong key of the service's own, is a mistake to mend, and no outage.
      const kinds = [NetworkError, ServerError, RateLimitError];
      if (!kinds.some((kind) => error instanceof kind)) throw error;
      return { valid: onUnavailable === 'open' && known?.verdict.valid !== false, code: 'unavailable', cause: error };
    }
  }

  /** Forgets all verdicts. */
  clear(): void {
    this.#entries.clear();
  }

  /** Asks once for all who show the same key meanwhile. */
  #askOnce(name: string, question: KeyQuestion): Promise<Verdict> {
    const asking = this.#asking.get(name);
    if (asking) return asking;
    const asked = this.#ask(question)
      .then((verdict) => {
        // A limit has room again at any moment.
        if (verdict.code !== 'too_many_requests') {
          this.#remember(name, { verdict, until: this.#options.clock.now() + this.#options.ttlMs });
        }
        return verdict;
      })
      .finally(() => this.#asking.delete(name));
    this.#asking.set(name, asked);
    return asked;
  }

  #ask(body: KeyQuestion, signal?: AbortSignal): Promise<Verdict> {
    const bound = AbortSignal.timeout(this.#options.timeoutMs);
    const init = { body, signal: signal ? AbortSignal.any([signal, bound]) : bound };
    return this.#client.post('/api/v1/api-keys/verify', init).catch((error: unknown) => {
      throw bound.aborted ? new NetworkError('verifying the key took too long', { cause: error }) : error;
    });
  }

  #remember(name: string, entry: Entry): void {
    // A map keeps its order: what was used last stands last.
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.maxEntries) break;
      this.#entries.delete(oldest);
    }
  }
}

async function nameOf({ key, scopes = [], ip = null, cost = 1 }: KeyQuestion): Promise<string> {
  const text = JSON.stringify([key, [...scopes].sort(), ip, cost]);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
