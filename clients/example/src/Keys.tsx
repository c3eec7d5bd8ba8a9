import type { components } from '@aibaas/client';
import { useCallback, useEffect, useState } from 'react';
import { api } from './api';
import { ErrorText, Field, Form } from './form';

type ApiKey = components['schemas']['ApiKey'];

export function Keys() {
  const [keys, setKeys] = useState<ApiKey[]>();
  const [error, setError] = useState<unknown>();
  const [shown, setShown] = useState<string>();
  const load = useCallback(async (signal?: AbortSignal) => {
    try {
      const all: ApiKey[] = [];
      for await (const key of api.items('/api/v1/api-keys', signal ? { signal } : {})) all.push(key);
      setKeys(all);
    } catch (error) {
      if (!signal?.aborted) setError(error);
    }
  }, []);
  useEffect(() => {
    const abort = new AbortController();
    void load(abort.signal);
    return () => abort.abort();
  }, [load]);

  const create = async ({ name = '' }: Record<string, string>) => {
    const { key } = await api.post('/api/v1/api-keys', { body: { name, scopes: ['leaderboard:read'] } });
    setShown(key);
    await load();
  };
  const revoke = async (id: string) => {
    try {
      await api.delete('/api/v1/api-keys/{id}', { params: { path: { id } } });
      await load();
    } catch (error) {
      setError(error);
    }
  };
  return (
    <>
      <h1>API keys</h1>
      <Form action="Make a key" send={create}>
        <Field label="Name" name="name" />
      </Form>
      {shown !== undefined && (
        <p role="status">
          This is shown once: <code>{shown}</code>
        </p>
      )}
      <ErrorText error={error} />
      <table>
        <caption>Your keys</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Begins with</th>
            <th scope="col">Status</th>
            <th scope="col">Revoke</th>
          </tr>
        </thead>
        <tbody>
          {keys?.map((key) => (
            <tr key={key.id}>
              <td>{key.name}</td>
              <td>
                <code>{key.keyPrefix}</code>
              </td>
              <td>{key.status}</td>
              <td>
                {key.status === 'active' && <button onClick={() => void revoke(key.id)}>Revoke {key.name}</button>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
