// Writes src/generated: the types of the API's document, and what the client has to know of each call at run time.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import openapiTypescript, { astToString } from 'openapi-typescript';

const source = new URL('../../../core/openapi.json', import.meta.url);
const generated = new URL('../src/generated/', import.meta.url);
const document = JSON.parse(readFileSync(source, 'utf8'));
mkdirSync(generated, { recursive: true });

const notice = '// Generated from core/openapi.json by scripts/generate.mjs.\n';
const types = astToString(await openapiTypescript(source, { defaultNonNullable: false }));
writeFileSync(new URL('schema.ts', generated), notice + types);

const resolve = (value) =>
  value.$ref === undefined ? value : value.$ref.slice(2).split('/').reduce((node, name) => node[name], document);
const calls = Object.entries(document.paths).flatMap(([path, item]) =>
  ['get', 'post', 'put', 'patch', 'delete'].flatMap((method) => {
    const operation = item[method];
    if (operation === undefined) return [];
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
    const schemes = (operation.security ?? []).flatMap(Object.keys);
    return {
      name: `${method.toUpperCase()} ${path}`,
      takesToken: schemes.includes('accessToken'),
      takesApiKey: schemes.includes('apiKeyHeader'),
      takesIdempotencyKey: parameters.some(({ name }) => name.toLowerCase() === 'idempotency-key'),
    };
  }),
);
const set = (member) =>
  `export const ${member}: ReadonlySet<string> = new Set([\n${calls
    .filter((call) => call[member])
    .map(({ name }) => `  '${name}',\n`)
    .join('')}]);\n`;
writeFileSync(
  new URL('operations.ts', generated),
  notice + ['takesToken', 'takesApiKey', 'takesIdempotencyKey'].map(set).join('\n'),
);
