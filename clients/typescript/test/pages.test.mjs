import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fake, json } from './fake.mjs';

const pages = ({ path }) => {
  const cursor = new URL(path, 'https://x').searchParams.get('cursor');
  const at = cursor === null ? 0 : Number(cursor);
  return json({ data: [{ id: `m/${at}` }, { id: `m/${at + 1}` }], nextCursor: at < 4 ? `${at + 2}` : null });
};

test('items come page after page, as they are wanted', async () => {
  const { client, asked } = fake(pages);
  const ids = [];
  for await (const model of client.items('/api/v1/models', { params: { query: { limit: 2, q: 'm' } } })) {
    ids.push(model.id);
    if (ids.length === 3) break;
  }
  assert.deepEqual(ids, ['m/0', 'm/1', 'm/2']);
  assert.deepEqual(asked.map(({ path }) => path), ['/api/v1/models?limit=2&q=m', '/api/v1/models?limit=2&q=m&cursor=2']);
  const all = [];
  for await (const { id } of client.items('/api/v1/models')) all.push(id);
  assert.equal(all.length, 6);
});

test('an abort ends the iteration', async () => {
  const abort = new AbortController();
  const { client, asked } = fake(pages);
  const iterate = async () => {
    for await (const model of client.items('/api/v1/models', { signal: abort.signal })) {
      if (model.id === 'm/1') abort.abort(new Error('enough'));
    }
  };
  await assert.rejects(iterate, { message: 'enough' });
  assert.equal(asked.length, 1);
});
