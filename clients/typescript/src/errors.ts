import type { components } from './generated/schema.js';

/** The body of a refusal (RFC 9457), with the members that its code brings. */
export type Problem = components['schemas']['Problem'];
/** What went wrong. Stable: decide by this. A later server may know more of them. */
export type ProblemCode = components['schemas']['ProblemCode'];
/** One mistake of a request that is invalid. */
export type Mistake = components['schemas']['ProblemError'];

/** What every error of this client is. */
export class AibaasError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No answer came: the connection failed or was lost, or it took too long. Whether the request was done is not known. */
export class NetworkError extends AibaasError {}

/** The server refused the request, or could not answer it. */
export class ApiError extends AibaasError {
  readonly status: number;
  readonly code: ProblemCode;
  /** What to do about it. */
  readonly detail: string;
  /** By which the server's log names the request. */
  readonly requestId: string;
  /** After how many seconds to come again, where the server says so. */
  readonly retryAfterSeconds: number | undefined;
  /** The whole of it. */
  readonly problem: Problem;

  constructor(problem: Problem, retryAfterSeconds?: number) {
    super(`${problem.title}: ${problem.detail} (${problem.code}, request ${problem.requestId})`);
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.requestId = problem.requestId;
    this.retryAfterSeconds = retryAfterSeconds;
    this.problem = problem;
  }
}

/** 401: no credentials, or none that hold. */
export class AuthenticationError extends ApiError {}
/** 403: the caller may not. */
export class PermissionError extends ApiError {}
/** 403 `email_not_verified`: the password was right, and the address is yet to be verified. */
export class EmailNotVerifiedError extends PermissionError {}
/** 403 `cross_site_cookie`: a browser would keep no cookie; `detail` says how to serve page and API. */
export class CrossSiteCookieError extends PermissionError {}
/** 404 and 410. */
export class NotFoundError extends ApiError {}
/** 409: what is there is against it. */
export class ConflictError extends ApiError {}
/** 422: well-formed but invalid; `mistakes` has each. */
export class ValidationError extends ApiError {
  get mistakes(): readonly Mistake[] {
    return this.problem.errors ?? [];
  }

  /** What is wrong with a member, such as `/email`. */
  at(pointer: string): readonly Mistake[] {
    return this.mistakes.filter((mistake) => mistake.pointer === pointer);
  }
}
/** 409 `idempotency_in_progress` and 422 `idempotency_key_reused`. */
export class IdempotencyError extends ApiError {}
/** 429: over a limit, or too many wrong guesses. */
export class RateLimitError extends ApiError {}
/** 5xx: our fault, or a dependency is down. */
export class ServerError extends ApiError {}

const BY_CODE: Partial<Record<ProblemCode, typeof ApiError>> = {
  email_not_verified: EmailNotVerifiedError,
  cross_site_cookie: CrossSiteCookieError,
  idempotency_in_progress: IdempotencyError,
  idempotency_key_reused: IdempotencyError,
};
const BY_STATUS: Record<number, typeof ApiError> = {
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  410: NotFoundError,
  422: ValidationError,
  429: RateLimitError,
};

/** Whether it is a refusal with one of these codes. */
export function hasCode<Code extends ProblemCode>(error: unknown, ...codes: Code[]): error is ApiError & { code: Code } {
  return error instanceof ApiError && (codes as ProblemCode[]).includes(error.code);
}

/** Makes the error of an answer that is none of success. */
export async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await problemOf(response)) ?? unknownProblem(response);
  const kind = BY_CODE[problem.code] ?? BY_STATUS[response.status] ?? (response.status >= 500 ? ServerError : ApiError);
  return new kind(problem, retryAfterSeconds(response));
}

/** Reads the body of a refusal, and leaves it to others to read too. */
export async function problemOf(response: Response): Promise<Problem | undefined> {
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return undefined;
  return (await response
    .clone()
    .json()
    .catch(() => undefined)) as Problem | undefined;
}

/** Reads `Retry-After` where it is in seconds, as this API's is. */
export function retryAfterSeconds(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  return value !== null && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** Somebody on the way answered, such as a proxy. */
function unknownProblem(response: Response): Problem {
  return {
    type: 'about:blank',
    title: response.statusText || `Status ${response.status}`,
    status: response.status,
    code: response.status >= 500 ? 'service_unavailable' : 'malformed_request',
    detail: 'the answer is not of this API',
    requestId: response.headers.get('x-request-id') ?? 'none',
  };
}
