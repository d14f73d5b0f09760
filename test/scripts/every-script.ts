/**
 * Every script of ours as a small, quick command, run in a place of its own that shows what it leaves.
 *
 * Owns the words that make each one short, and the contract that holds wherever it runs: 1 only with a finding on stdout,
 * an error is one line that is not a stack, no other exit code, nothing left but evidence that the report names.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { ROOT, type Ran } from "./command.ts";

/** Words for scripts that need some to be short; DIR is the place of the run. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "uring-append": ["--seconds", "0.3", "--file-mb", "2", "--json"],
  "splice-relay": ["--bytes", "1MiB", "--json"],
  verify: [`${ROOT}package.json`, "--pattern", `reference:${ROOT}package.json`, "--json"],
  fill: ["DIR/filled", "--bytes", "64KiB", "--quiet"],
  survey: ["--only", "unix-peek-offset", "--budget", "10s", "--json", "--quiet"],
  lab: ["run", "--kernel", "none.such", "--", "verify.ts", "--bogus"],
  bench: ["verify", "--bogus"],
  doctor: [],
  soak: ["1", "--only", "nothing-of-this-name"],
  new: ["DIR/begun-here.ts"],
  completions: ["bash"],
  reference: ["DIR/reference.html"],
  "gallery/append-tear": ["--seconds", "0.5", "--json"],
  "gallery/nowait-append": ["--seconds", "0.3", "--json"],
  "gallery/two-rings": ["--megabytes", "1", "--json"],
  "gallery/memfd-position": ["--rounds", "2", "--json"],
  "gallery/shared-position": ["--rounds", "1", "--json"],
  "gallery/shared-position-input": ["--rounds", "1", "--json"],
  "gallery/shared-position-ring": ["--rounds", "1", "--json"],
  "gallery/short-write-exposes": ["--tries", "5", "--json"],
  "gallery/mptcp-peek-waitall": ["--timeout", "500ms", "--json"],
};

/** What those that write a file where they are asked to leave there. */
const WANTED: Readonly<Record<string, string>> = { fill: "filled", new: "begun-here.ts", reference: "reference.html" };

/** These belong to the repository and need its tools. */
const OF_THE_REPOSITORY = new Set(["check", "prepack"]);

/** "uring-append", "gallery/append-tear", …: all of them. */
export const SCRIPTS: readonly string[] = ["", "gallery/"]
  .flatMap((folder) => readdirSync(`${ROOT}scripts/${folder}`).map((name) => `${folder}${name}`))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -3))
  .filter((name) => !OF_THE_REPOSITORY.has(name))
  .sort();

export interface Ending extends Ran {
  readonly script: string;
  readonly seconds: number;
  /** Files that were left where it ran and in its TMPDIR. */
  readonly left: readonly string[];
}

export interface Surrounding {
  /** Shell words before `exec "$@"`; $DIR is the run's place. */
  readonly shell?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Words before the shell. */
  readonly wrap?: readonly string[];
  /** Acts on the process, once it is there. */
  readonly act?: (child: Bun.Subprocess) => void;
}

/** Runs a script in a place of its own, which is gone afterwards. */
export async function runIn(script: string, { shell = "", env = {}, wrap = [], act }: Surrounding): Promise<Ending> {
  const place = mkdtempSync(join(tmpdir(), "bytewitness-place-"));
  const [cwd, temporary] = [join(place, "here"), join(place, "tmp")];
  for (const directory of [cwd, temporary]) mkdirSync(directory, { mode: 0o777 });
  Bun.spawnSync(["chmod", "0777", place, cwd, temporary]);
  const words = (WORDS[script] ?? ["--json"]).map((word) => word.replace("DIR", cwd));
  const inner = ["/bin/sh", "-c", `${shell === "" ? "" : `${shell}; `}exec "$@"`, "sh"];
  const startMs = performance.now();
  const child = Bun.spawn([...wrap, ...inner, process.execPath, `${ROOT}scripts/${script}.ts`, ...words], {
    ...{ cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 50_000, killSignal: "SIGKILL" },
    env: { ...process.env, NO_COLOR: "1", BYTEWITNESS_DIR: "", DIR: cwd, TMPDIR: temporary, ...env },
  });
  act?.(child);
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  const seconds = (performance.now() - startMs) / 1000;
  const left = filesBelow(place).filter((path) => basename(path) !== WANTED[script]);
  rmSync(place, { recursive: true });
  removeEvidence(stdout);
  return { script, seconds, code: child.exitCode, signal: child.signalCode, stdout, stderr, left };
}

/** Where a script had no TMPDIR, evidence of what it found is in /tmp, as its report names it. */
function removeEvidence(stdout: string): void {
  for (const [path] of stdout.matchAll(/"[^"\n]*\/bytewitness-[a-z0-9-]+-evidence-[0-9a-f]+\/[^"\n]*"/g))
    rmSync(dirname(JSON.parse(path)), { recursive: true, force: true });
}

/** Bun keeps the headers of its compiler where temporary files go, and a cache of its own at home. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !/\/(?:bun-cc-|\.bun\/)/.test(`${entry.parentPath}/`))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What is wrong by the contract; empty when nothing is. */
export function problemsOf(
  { script, code, signal, stdout, stderr, left }: Ending,
  lost?: "stdout" | "stderr",
): string[] {
  const wrong: string[] = [];
  if (code === null || ![0, 1, 125, 254, 255].includes(code)) wrong.push(`ended ${code ?? signal}`);
  const lines = stderr.trim() === "" ? [] : stderr.trim().split("\n");
  if ((code === 254 || code === 255) && lost === undefined) {
    if (lines.length !== 1 || stdout !== "") wrong.push(`${lines.length} lines, stdout ${JSON.stringify(stdout)}`);
  }
  if (/^ {4}at |\.ts:\d+:\d+/m.test(stderr)) wrong.push("a stack");
  const report = stdout.startsWith("{") ? JSON.parse(stdout) : undefined;
  if (code === 1 && lost !== "stdout" && !foundSomething(report)) wrong.push("1 without a finding");
  if (code === 255 && stderr.includes("our own failure")) wrong.push("our own failure");
  const artifacts: string[] = report?.artifacts ?? [];
  const unnamed = left.filter((path) => !artifacts.includes(path) && !(code === 1 && /-evidence-/.test(path)));
  if (unnamed.length > 0) wrong.push(`left ${unnamed.join(", ")}`);
  return wrong.map((line) => `${script}: ${line}${stderr === "" ? "" : `: ${stderr.trim().slice(0, 300)}`}`);
}

function foundSomething(report: { findings?: unknown[]; cases?: { verdict: string }[] } | undefined): boolean {
  return (report?.findings ?? []).length > 0 || (report?.cases ?? []).some(({ verdict }) => verdict === "corrupt");
}

/** Runs all of them, a few at a time. */
export async function each<Value>(
  of: readonly Value[],
  atOnce: number,
  run: (one: Value) => Promise<void>,
): Promise<void> {
  const waiting = [...of];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
