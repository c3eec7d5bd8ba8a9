import createFetchClient, { type Client as FetchClient, type FetchResponse, type MaybeOptionalInit } from 'openapi-fetch';
import type { HttpMethod, PathsWithMethod, RequiredKeysOf } from 'openapi-typescript-helpers';
import { Auth } from './auth.js';
import { type Clock, systemClock } from './clock.js';
import { errorOf, problemOf } from './errors.js';
import { takesApiKey, takesIdempotencyKey, takesToken } from './generated/operations.js';
import type { paths } from './generated/schema.js';
import { type RetryOptions, type Sending, sendWithRetries } from './retry.js';
import { memoryStore, Session, type SessionMode, type TokenStore } from './session.js';

export interface ClientOptions {
  /** Where the API is, such as `https://api.example.com`. */
  baseUrl: string;
  /** A program's key, sent with the calls that take one. Keep it out of web pages. */
  apiKey?: string;
  /** How a person's session is kept: `cookie` in browsers, else `token`, which is the default. */
  session?: SessionMode;
  /** Keeps the tokens of `token` mode; the default forgets them with the process. */
  tokenStore?: TokenStore;
  retry?: RetryOptions;
  /** How long one attempt may take. Default 30,000. */
  timeoutMs?: number;
  fetch?: (request: Request) => Promise<Response>;
  clock?: Clock;
  /** Chance, from 0 to 1, for waits. */
  random?: () => number;
  /** Makes the `Idempotency-Key` of a call that takes one and was given none. */
  idempotencyKey?: () => string;
}

type Json = 'application/json';
type Init<I> = RequiredKeysOf<I> extends never ? [init?: I] : [init: I];
type Data<T extends Record<string | number, unknown>, I> = Exclude<FetchResponse<T, I, Json>['data'], undefined>;
type Answer<T extends Record<string | number, unknown>, I> = [Data<T, I>] extends [never] ? void : Data<T, I>;

/** Calls a path of the document, and gives the body of the answer. Throws an `ApiError` or a `NetworkError`. */
export type Call<Method extends HttpMethod> = <
  Path extends PathsWithMethod<paths, Method>,
  I extends MaybeOptionalInit<paths[Path], Method>,
>(
  path: Path,
  ...init: Init<I>
) => Promise<Answer<paths[Path][Method] & Record<string | number, unknown>, I>>;

type GetAnswer<Path extends PathsWithMethod<paths, 'get'>> = Answer<
  paths[Path]['get'] & Record<string | number, unknown>,
  object
>;
/** The paths whose answers are pages of a list. */
export type ListPath = {
  [Path in PathsWithMethod<paths, 'get'>]: GetAnswer<Path> extends { data: unknown[]; nextCursor: string | null }
    ? Path
    : never;
}[PathsWithMethod<paths, 'get'>];
/** What a list is of. */
export type ItemOf<Path extends ListPath> = GetAnswer<Path> extends { data: (infer Item)[] } ? Item : never;

interface Page {
  data: unknown[];
  nextCursor: string | null;
}
type AnyInit = { params?: { query?: Record<string, unknown> } };

/** A client of one deployment, for one person or one program. */
export class Client {
  /** Registers, logs in and out. */
  readonly auth: Auth;
  /** Who is logged in. */
  readonly session: Session;
  /** openapi-fetch's client, with the same credentials and retries: it gives `{ data, error, response }`. */
  readonly raw: FetchClient<paths, Json>;

  readonly get: Call<'get'>;
  readonly post: Call<'post'>;
  readonly put: Call<'put'>;
  readonly patch: Call<'patch'>;
  readonly delete: Call<'delete'>;

  readonly #options: ClientOptions;
  readonly #sending: Sending;
  readonly #names = new WeakMap<Request, string>();

  constructor(options: ClientOptions) {
    const baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#options = { ...options, baseUrl };
    const clock = options.clock ?? systemClock;
    this.#sending = {
      retry: { attempts: 4, baseDelayMs: 250, maxDelayMs: 10_000, ...options.retry },
      clock,
      random: options.random ?? Math.random,
      send: (request) => this.#sendOnce(request),
    };
    this.session = new Session({
      mode: options.session ?? 'token',
      baseUrl,
      clock,
      store: options.tokenStore ?? memoryStore(),
      // The server gives a refresh token that comes again within ten seconds the same tokens.
      send: (request) => sendWithRetries(request, true, this.#sending),
    });
    this.raw = createFetchClient<paths, Json>({ baseUrl, fetch: (request) => this.#send(request) });
    this.raw.use({
      onRequest: ({ request, schemaPath }) => {
        const name = `${request.method} ${schemaPath}`;
        this.#names.set(request, name);
        if (takesIdempotencyKey.has(name) && !request.headers.has('Idempotency-Key')) {
          request.headers.set('Idempotency-Key', options.idempotencyKey?.() ?? crypto.randomUUID());
        }
      },
    });
    this.get = this.#call('GET') as Call<'get'>;
    this.post = this.#call('POST') as Call<'post'>;
    this.put = this.#call('PUT') as Call<'put'>;
    this.patch = this.#call('PATCH') as Call<'patch'>;
    this.delete = this.#call('DELETE') as Call<'delete'>;
    this.auth = new Auth(this);
  }

  /** Every item of a list, page after page as they are wanted. */
  async *items<Path extends ListPath>(
    path: Path,
    ...[init]: Init<MaybeOptionalInit<paths[Path], 'get'>>
  ): AsyncGenerator<ItemOf<Path>, void, undefined> {
    const get = this.get as (path: string, init: object) => Promise<unknown>;
    const given = (init ?? {}) as AnyInit;
    let query = given.params?.query ?? {};
    for (;;) {
      const page = (await get(path, { ...given, params: { ...given.params, query } })) as Page;
      yield* page.data as ItemOf<Path>[];
      if (page.nextCursor === null) return;
      query = { ...query, cursor: page.nextCursor };
    }
  }

  #call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE') {
    const call = this.raw[method] as (
      path: string,
      init?: object,
    ) => Promise<{ data?: unknown; response: Response }>;
    return async (path: string, init?: object): Promise<unknown> => (await call(path, init)).data;
  }

  /** Sends a request with its credentials, and throws what is no success. */
  async #send(request: Request): Promise<Response> {
    const name = this.#names.get(request) ?? '';
    const { apiKey } = this.#options;
    const hasOwn = request.headers.has('Authorization') || request.headers.has('X-API-Key');
    let response: Response;
    if (!hasOwn && apiKey !== undefined && takesApiKey.has(name)) {
      request.headers.set('X-API-Key', apiKey);
      response = await this.#retried(request);
    } else if (!hasOwn && takesToken.has(name)) {
      response = await this.#sendAsPerson(request);
    } else {
      response = await this.#retried(request);
    }
    if (!response.ok && response.status !== 304) throw await errorOf(response);
    return response;
  }

  async #sendAsPerson(request: Request): Promise<Response> {
    let token = await this.session.accessToken(request.signal);
    for (let isFirst = true; ; isFirst = false) {
      const attempt = request.clone();
      if (token !== undefined) attempt.headers.set('Authorization', `Bearer ${token}`);
      const response = await this.#retried(attempt);
      if (response.status !== 401 || token === undefined) return response;
      const code = (await problemOf(response))?.code;
      if (code === 'session_revoked') await this.session.end();
      if (!isFirst || (code !== 'expired_token' && code !== 'invalid_token')) return response;
      this.session.reject(token);
      token = await this.session.accessToken(request.signal);
      if (token === undefined) return response;
    }
  }

  #retried(request: Request): Promise<Response> {
    const isRepeatable = ['GET', 'HEAD', 'PUT'].includes(request.method) || request.headers.has('Idempotency-Key');
    return sendWithRetries(request, isRepeatable, this.#sending);
  }

  async #sendOnce(request: Request): Promise<Response> {
    const isOfSession = request.url.startsWith(`${this.#options.baseUrl}/api/v1/auth/`);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(this.#options.timeoutMs ?? 30_000)]);
    // The cookie is for these paths alone; public reads allow every origin, and so none with credentials.
    const credentials = this.session.mode === 'cookie' && isOfSession ? 'include' : 'omit';
    const bounded = new Request(request, { signal, credentials });
    const response = await (this.#options.fetch ?? fetch)(bounded);
    // Read to its end here, an answer that breaks off counts as none, and the request is sent again where it may be.
    if (!response.body || !response.headers.get('content-type')?.includes('json')) return response;
    return new Response(await response.arrayBuffer(), response);
  }
}

/** Makes a client. */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

