// Serves the built Worker in workerd for the tests: `node serve.mjs '{"buildDir":…}'` with the
// Node of node_modules. Prints one line of JSON, {"port","workerPort","controlPort"}, when it is ready, and ends when its
// standard input does.
//
//   buildDir       what aibaas_bundle::build returned
//   wranglerToml   for the compatibility date and flags and the shield, so that they are tested as they are deployed
//   migrationsDir  applied and recorded as `wrangler d1 migrations apply` does
//   vars           the Worker's variables and secrets
//   port           where to listen; 0 for any
//   twice          runs a second instance of the Worker on the same databases and objects, at {"anotherPort"}
//   analytics      binds an Analytics Engine data set
//   bare           leaves out the harness, for the benchmark
//   persist        a folder where databases, caches and objects are kept; without it, one that goes with the process
//   outboundPort   where every outbound request goes, with its own URL in the header x-original-url
//
// The work is in a process of its own, workerd.mjs, on the same standard input: whoever ends this one, however
// roughly, closes that, and no workerd stays behind.

import { spawn } from "node:child_process";
import path from "node:path";

const workerd = path.join(import.meta.dirname, "workerd.mjs");
const child = spawn(process.execPath, [workerd, ...process.argv.slice(2)], { stdio: "inherit", detached: true });
child.on("exit", (code) => process.exit(code ?? 1));
