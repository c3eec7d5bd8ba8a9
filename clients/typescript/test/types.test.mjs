import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

test('what there is not does not compile', () => {
  const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
  const options = ['--noEmit', '--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,dom,dom.iterable,dom.asynciterable'];
  try {
    execFileSync(process.execPath, [tsc, ...options, fileURLToPath(new URL('types.ts', import.meta.url))], { encoding: 'utf8' });
  } catch (error) {
    throw new Error(error.stdout);
  }
});
