// Looks at a Dockerfile without building it: `node lint.mjs FILE CONTEXT`. A line a problem; ends with 1 where there is one.

import fs from "node:fs";
import path from "node:path";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";

const [file, context] = process.argv.slice(2);
const text = fs.readFileSync(file, "utf8");
const dockerfile = DockerfileParser.parse(text);
const problems = validate(text).map((problem) => [problem.range.start.line + 1, problem.message]);
const report = (instruction, message) => problems.push([instruction.getRange().start.line + 1, message]);
const ofKind = (kind) => dockerfile.getInstructions().filter((instruction) => instruction.getKeyword() === kind);

const stages = dockerfile.getFROMs();
const names = stages.map((from) => from.getBuildStage()).filter(Boolean);
for (const from of stages) {
  if (names.includes(from.getImage())) continue;
  const tag = from.getImageTag();
  if (!from.getImageDigest() && (!tag || tag === "latest")) report(from, "the base has neither a tag of its own nor a digest");
}

/** The instructions of the image itself. */
const last = stages.at(-1).getRange().start.line;
const ofImage = (kind) => ofKind(kind).filter((instruction) => instruction.getRange().start.line > last);
const user = ofImage("USER").at(-1)?.getArgumentsContent() ?? "none";
if (!/^[1-9][0-9]*(:[1-9][0-9]*)?$/.test(user)) report(stages.at(-1), `the user is ${user}, and no number other than 0`);
for (const run of ofImage("RUN")) report(run, "the image has no shell");
for (const kind of ["ENTRYPOINT", "CMD"]) {
  for (const command of ofImage(kind)) {
    if (!command.getArgumentsContent().startsWith("[")) report(command, `${kind} needs a shell, which the image has not`);
  }
}
if (!ofImage("ENTRYPOINT").length) report(stages.at(-1), "there is no ENTRYPOINT");
const checks = ofImage("HEALTHCHECK");
if (!checks.length) report(stages.at(-1), "there is no HEALTHCHECK");
for (const check of checks) {
  if (!/\bCMD \[/.test(check.getTextContent())) report(check, "HEALTHCHECK needs a shell, which the image has not");
}

// What is in ENV and ARG stays in the image.
for (const instruction of [...ofKind("ENV"), ...ofKind("ARG")]) {
  for (const property of instruction.getProperties?.() ?? [instruction.getProperty?.()]) {
    const name = property?.getName() ?? "";
    if (/SECRET|KEY|PASSWORD|TOKEN|SMTP_URL/i.test(name) && !name.endsWith("_FILE")) report(instruction, `${name} is a secret`);
  }
}

for (const copy of [...ofKind("COPY"), ...ofKind("ADD")]) {
  const from = copy.getFlags?.().find((flag) => flag.getName() === "from")?.getValue();
  if (copy.getKeyword() === "ADD") report(copy, "COPY does what ADD does, and fetches nothing");
  if (from !== undefined) {
    if (!names.includes(from)) report(copy, `no stage is called ${from}`);
    continue;
  }
  const sources = copy.getArguments().slice(0, -1).map((argument) => argument.getValue());
  for (const source of sources) {
    if (!fs.existsSync(path.join(context, source))) report(copy, `there is no ${source}`);
  }
}

for (const [line, message] of problems) console.log(`${file}:${line}: ${message}`);
process.exitCode = problems.length ? 1 : 0;
