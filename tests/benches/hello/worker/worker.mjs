// Hello on Workers.

import { DurableObject } from "cloudflare:workers";

/** Bound as the application's is, and never asked. */
export class RateLimiter extends DurableObject {}

export default {
  fetch() {
    return new Response("hello");
  },
};
