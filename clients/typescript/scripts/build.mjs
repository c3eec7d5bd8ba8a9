// Builds dist anew: the types of the API's document as it stands, and the client.
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
for (const made of ['dist', 'src/generated']) rmSync(new URL(`../${made}`, import.meta.url), { recursive: true, force: true });
// npm packs no file from outside of the folder.
copyFileSync(new URL('../../../LICENSE', import.meta.url), new URL('../LICENSE', import.meta.url));
await import('./generate.mjs');
execFileSync(process.execPath, [tsc, '--project', folder], { stdio: 'inherit' });
