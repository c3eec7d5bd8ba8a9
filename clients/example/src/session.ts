import type { User } from '@aibaas/client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { api } from './api';

/** Who is logged in: `undefined` while that is asked, `null` where nobody is. */
export function useUser(): User | null | undefined {
  const user = useSyncExternalStore((listener) => api.session.subscribe(listener), () => api.session.user);
  const [isKnown, setKnown] = useState(false);
  useEffect(() => {
    // Where the API cannot be asked, the calls of the page will say so.
    api.session
      .resume()
      .catch(() => undefined)
      .finally(() => setKnown(true));
  }, []);
  return user ?? (isKnown ? null : undefined);
}
