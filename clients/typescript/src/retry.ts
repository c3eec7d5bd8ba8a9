import type { Clock } from './clock.js';
import { NetworkError, problemOf, retryAfterSeconds } from './errors.js';

/** How requests are sent again. */
export interface RetryOptions {
  /** How often a request is sent, with the first time. Default 4. */
  attempts?: number;
  /** About how long the first wait is, where the server says nothing; each further one is twice as long. Default 250. */
  baseDelayMs?: number;
  /** The longest wait. Where `Retry-After` asks for more, the refusal is the answer. Default 10,000. */
  maxDelayMs?: number;
}

export interface Sending {
  retry: Required<RetryOptions>;
  clock: Clock;
  /** From 0 to 1. */
  random: () => number;
  send: (request: Request) => Promise<Response>;
}

/**
 * Sends a request until it is answered for good.
 *
 * `repeatable` is a request that may be done twice without harm. Any other is sent again only where the server says that
 * it was refused at a limit, and so not done.
 */
export async function sendWithRetries(request: Request, repeatable: boolean, sending: Sending): Promise<Response> {
  const { retry, clock, random, send } = sending;
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt >= retry.attempts;
    // Equal jitter: a half is certain, so that nobody comes at once, and a half is chance, so that not all come together.
    const exponential = Math.min(retry.maxDelayMs, retry.baseDelayMs * 2 ** (attempt - 1));
    let delay = (exponential * (1 + random())) / 2;
    try {
      const response = await send(request.clone());
      if (isLast || !(await isPassing(response, repeatable))) return response;
      const asked = retryAfterSeconds(response);
      if (asked !== undefined) {
        if (asked * 1000 > retry.maxDelayMs) return response;
        delay = asked * 1000 + random() * retry.baseDelayMs;
      }
      await response.body?.cancel();
    } catch (error) {
      request.signal.throwIfAborted();
      if (isLast || !repeatable) throw new NetworkError(`${request.method} ${request.url}: no answer came`, { cause: error });
    }
    await clock.sleep(delay, request.signal);
  }
}

async function isPassing(response: Response, repeatable: boolean): Promise<boolean> {
  switch (response.status) {
    case 429:
      // Guesses that are wrong are for people to think about.
      return (await problemOf(response))?.code !== 'too_many_attempts';
    case 409:
      return repeatable && (await problemOf(response))?.code === 'idempotency_in_progress';
    case 502:
    case 503:
    case 504:
      return repeatable;
    default:
      return false;
  }
}
