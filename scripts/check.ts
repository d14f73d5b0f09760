/**
 * Everything that must hold before a commit: format, lint, types, tidy, wording, exports (circles of imports too), door and the
 * tests, one line with its time for each.
 *
 *   bun run check           all of it
 *   bun run check static    without the tests (seconds)
 *
 * A step that passes prints nothing more; one that fails prints what it found, and the steps after it still run.
 * Ends 0 when all passed, 1 when one failed, 254 for an argument that it does not know.
 *
 * It imports the tidy rules from their file: they are about this repository and have no place in the public door, which
 * it does not load, so that it can report what is wrong when the door is broken.
 */

import { runTool } from "../src/cli/desk.ts";
import { defineTool } from "../src/cli/tool.ts";
import { circleProblems } from "./check/circles.ts";
import { doorProblems } from "./check/door.ts";
import { exportProblems } from "./check/exports.ts";
import { filesUnder, tidy } from "./check/tidy.ts";
import { wordingProblems } from "./check/wording.ts";

const ROOT = `${import.meta.dir}/..`;

interface Step {
  readonly name: string;
  /** What is wrong, or "" when nothing is. */
  readonly run: () => Promise<string>;
}

/** Runs a command in the root of the repository; its whole output when it does not end 0. */
async function command(...argv: string[]): Promise<string> {
  const child = Bun.spawn(argv, { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return code === 0 ? "" : `${out}${err}${argv.join(" ")}: exit ${code}`;
}

const BIN = `${ROOT}/node_modules/.bin`;
const STATIC_STEPS: readonly Step[] = [
  { name: "format", run: () => command(`${BIN}/biome`, "format") },
  { name: "lint", run: () => command(`${BIN}/biome`, "lint", "--error-on-warnings") },
  { name: "types", run: () => command(`${BIN}/tsc`, "-p", ".") },
  { name: "tidy", run: async () => tidy(ROOT).join("\n") },
  { name: "wording", run: async () => wordingProblems(ROOT, filesUnder(ROOT)).join("\n") },
  {
    name: "exports",
    run: async () =>
      [exportProblems, circleProblems].flatMap((problems) => problems(ROOT, filesUnder(ROOT))).join("\n"),
  },
  { name: "door", run: async () => doorProblems(ROOT).join("\n") },
];
const TESTS: Step = { name: "tests", run: () => command(process.execPath, "test") };

/** The number of steps that failed. */
async function check(steps: readonly Step[]): Promise<number> {
  let failed = 0;
  for (const step of steps) {
    const startMs = performance.now();
    process.stdout.write(step.name.padEnd(8));
    const wrong = await step.run();
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(`${wrong === "" ? "ok    " : "FAILED"}${seconds.padStart(8)} s`);
    if (wrong === "") continue;
    failed += 1;
    console.log(wrong);
  }
  return failed;
}

await runTool(
  defineTool({
    name: "check",
    summary: "everything that must hold before a commit: format, lint, types, the rules of this repository, tests",
    positionals: {
      only: { kind: "choice", choices: ["static"], optional: true, description: "leaves out the tests" },
    },
    run: async ({ args }) =>
      (await check(args.only === "static" ? STATIC_STEPS : [...STATIC_STEPS, TESTS])) === 0 ? 0 : 1,
  }),
);
