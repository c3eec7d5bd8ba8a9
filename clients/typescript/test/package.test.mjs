import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

test('what would be published is the client and nothing else', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const told = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' });
  const [{ name, files, unpackedSize }] = JSON.parse(told);
  assert.equal(name, '@aibaas/client');
  const modules = ['auth', 'client', 'clock', 'errors', 'generated/operations', 'generated/schema', 'index', 'retry', 'session', 'verify'];
  const expected = ['LICENSE', 'README.md', 'package.json', ...modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`])];
  assert.deepEqual(files.map(({ path }) => path).sort(), expected.sort());
  const scripts = files.filter(({ path }) => path.endsWith('.js')).reduce((sum, { size }) => sum + size, 0);
  assert.ok(scripts < 32_000 && unpackedSize < 1_000_000, `${scripts} bytes of script, ${unpackedSize} in all`);
});
