import { createClient } from '@aibaas/client';

const address = document.querySelector<HTMLMetaElement>('meta[name="api"]')?.content ?? '';

/** The one client of the page. In cookie mode no script sees the refresh token, and a reload finds the session. */
export const api = createClient({ baseUrl: address, session: 'cookie' });
