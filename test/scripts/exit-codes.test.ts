/** 1 is given for a report that holds a finding, and for nothing else: scripts of a user that fail in every way, and reports that cannot be written. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { PACKAGE_ROOT } from "../../src/ops/self.ts";
import { runCase } from "../../src/survey/child.ts";
import { ROOT } from "./command.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-codes-"));
afterAll(() => rmSync(directory, { recursive: true }));

const DOOR = `${ROOT}src/index.ts`;
const IMPORT = `import { race, runner, runReproducer, Thread } from ${JSON.stringify(DOOR)};\n`;
const GOOD = "run.tally.judged({ findings: [], verifiedBytes: 5 });";
const BAD = '{ kind: "lost", offsetBytes: 0, lengthBytes: 1, pageAligned: true, detail: "x" }';
const reproducer = (body: string) =>
  `${IMPORT}export const fails = () => { throw new TypeError("in a thread"); };
  await runReproducer({ name: "user", summary: "s", run: async (run) => { ${body} } });`;
/** The failure comes while the run waits, whenever that is. */
const later = (what: string) => reproducer(`${what}; await new Promise(() => {});`);
const heard = (how: string) =>
  reproducer(
    `const bad = new Worker("data:text/javascript,throw 1"); await new Promise((done) => { ${how} }); ${GOOD}`,
  );

/** A script's text and the code it ends with. */
const SCRIPTS: Readonly<Record<string, readonly [text: string, code: number]>> = {
  "is good": [reproducer(GOOD), 0],
  "has a type error, which Bun does not see": [reproducer(`const n: number = "x"; void n; ${GOOD}`), 0],
  "found something": [reproducer(`return { findings: [${BAD}], totals: { bytesVerified: 5 } };`), 1],
  "calls clean what it found": [
    reproducer(`return { verdict: "clean", findings: [${BAD}], totals: { bytesVerified: 5 } };`),
    1,
  ],
  "sets the process's code": [reproducer(`process.exitCode = 1; ${GOOD}`), 0],
  "throws at its top": [`${IMPORT}console.error(typeof runReproducer); throw new Error("top");`, 255],
  "rejects at its top": [`${IMPORT}console.error(typeof runReproducer); await Promise.reject(new Error("top"));`, 255],
  "throws in a timer": [later("setTimeout(() => { throw new Error('late'); }, 5)"), 255],
  "rejects in a timer": [later("setTimeout(() => void Promise.reject(new Error('late')), 5)"), 255],
  "throws in a microtask": [later("queueMicrotask(() => { throw new Error('soon'); })"), 255],
  "throws in an event": [
    later(
      "const t = new EventTarget(); t.addEventListener('x', () => { throw new Error('heard'); }); t.dispatchEvent(new Event('x'))",
    ),
    255,
  ],
  "has a Worker that throws": [later(`new Worker("data:text/javascript,throw new Error('w')")`), 255],
  "has a Worker that throws later": [
    later(`new Worker("data:text/javascript,setTimeout(() => { throw new Error('w') }, 5)")`),
    255,
  ],
  "has a Worker that rejects": [
    later(`new Worker("data:text/javascript,void (async () => { throw new Error('w') })()")`),
    255,
  ],
  "has a Worker that rejects nothing": [later(`new Worker("data:text/javascript,Promise.reject()")`), 255],
  "has a Worker of node's that rejects": [
    later(
      `const { Worker: Of } = await import("node:worker_threads"); new Of("Promise.reject(new Error('w'))", { eval: true })`,
    ),
    255,
  ],
  "has a Worker that is not there": [later(`new Worker("./no-such-worker.ts")`), 255],
  "hears its Worker's error": [heard("bad.onerror = done"), 0],
  "listens to its Worker's error": [heard('bad.addEventListener("error", done)'), 0],
  "throws in a racing thread": [reproducer(`await race([runner(fails)]); ${GOOD}`), 255],
  "throws in a thread": [reproducer(`using thread = await Thread.start(); await thread.call(fails); ${GOOD}`), 255],
  "throws a string": [reproducer('throw "a string"'), 255],
  "throws nothing": [reproducer("throw undefined"), 255],
  "throws what has no text": [reproducer("throw Object.create(null)"), 255],
  "throws in its clean-up": [reproducer(`run.defer(() => { throw new Error("undo"); }); ${GOOD}`), 255],
  "never ends its stack": [reproducer("const deep = () => deep() + 1; deep();"), 255],
  "exits 0": [reproducer("process.exit(0)"), 255],
  "exits 1": [reproducer("process.exit(1)"), 255],
  "calls itself corrupt": [
    reproducer('return { verdict: "corrupt", findings: [], totals: { bytesVerified: 5 } };'),
    255,
  ],
  "finds nonsense": [reproducer("return { findings: [{}], totals: { bytesVerified: 5 } };"), 255],
  "counts with BigInt": [reproducer("return { findings: [], totals: { bytesVerified: 5n } };"), 255],
  "returns a circle": [
    reproducer(
      `const workload = {}; workload.workload = workload; return { workload, findings: [], totals: { bytesVerified: 5 } };`,
    ),
    255,
  ],
  "has no run": [`${IMPORT}await runReproducer({ name: "user", summary: "s" });`, 255],
  "has a need that throws": [
    `${IMPORT}await runReproducer({ name: "user", summary: "s", requires: [{ name: "n", probe() { throw new Error("probe"); } }], run: () => {} });`,
    255,
  ],
};

interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(words: readonly string[], cwd = directory, env: Record<string, string> = {}): Promise<End> {
  const child = Bun.spawn([...words], {
    ...{ cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000 },
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

const written = (name: string, text: string) => {
  const path = join(directory, `${name.replaceAll(/\W+/g, "-")}.ts`);
  writeFileSync(path, text);
  return path;
};

test.each(Object.entries(SCRIPTS))("a script that %s", async (name, [text, code]) => {
  const ended = await run([process.execPath, written(name, text), "--json", "--quiet"]);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: expect.any(String) });
  if (code === 1) expect(JSON.parse(ended.stdout).findings.length).toBe(1);
  if (code === 255) expect(ended.stderr).toMatch(/our own failure, not the kernel's|clean-up failed/);
  if (name.includes("Worker")) expect(ended.stderr.split("\n").length).toBeLessThanOrEqual(2);
});

test("a signal before anything was counted is an interruption, not our failure", async () => {
  const text = reproducer('console.error("ready"); while (!run.stopped) await Bun.sleep(5);');
  const child = Bun.spawn([process.execPath, written("counts nothing", text), "--json", "--quiet"], {
    ...{ cwd: directory, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000 },
  });
  await child.stderr.getReader().read();
  child.kill("SIGINT");
  const { verdict, reason } = JSON.parse(await child.stdout.text());
  expect([await child.exited, verdict]).toEqual([130, "inconclusive"]);
  expect(reason).toContain("SIGINT");
});

test("`bytewitness PATH` runs a user's own script, with its words; its replay line runs it again", async () => {
  const path = written("own script", reproducer(`return { findings: [${BAD}], totals: { bytesVerified: 5 } };`));
  const ended = await run([
    process.execPath,
    `${ROOT}scripts/bytewitness.js`,
    path,
    "--json",
    "--quiet",
    "--seed",
    "7",
  ]);
  expect([ended.code, JSON.parse(ended.stdout).seed]).toEqual([1, 7]);
  expect((await run(["sh", "-c", JSON.parse(ended.stdout).replay])).code).toBe(1);
  const absent = await run([process.execPath, `${ROOT}scripts/bytewitness.js`, "./not-there.ts"]);
  expect([absent.code, absent.stderr]).toEqual([254, "bytewitness: no such script: ./not-there.ts\n"]);
});

/** Bun ends 1 for these before anything of ours is loaded. */
const BROKEN: Readonly<Record<string, string>> = {
  "does not parse": `${IMPORT}const = ;`,
  "imports a module that is not there": `${IMPORT}import { x } from "./nope.ts"; console.log(x, runReproducer);`,
  "imports a name that is not there": `import { nothing } from ${JSON.stringify(DOOR)}; console.log(nothing);`,
};

test.each(Object.entries(BROKEN))("a script that %s is not a corruption where we start it", async (name, text) => {
  const path = written(name, text);
  // As new.ts prints it, and as the first line of a script that new.ts begins elsewhere has it.
  const guarded = await run([process.execPath, "--preload", `${ROOT}src/cli/guard.ts`, path]);
  expect([guarded.code, guarded.stderr.includes("our own failure")]).toEqual([255, true]);
  const byCommand = await run([process.execPath, `${ROOT}scripts/bytewitness.js`, path]);
  expect([byCommand.code, byCommand.stderr.includes("our own failure")]).toEqual([255, true]);
  // A case of the survey.
  const entry = { name: "user", script: relative(PACKAGE_ROOT, path), words: [] };
  const { signal } = new AbortController();
  const end = await runCase(entry, { limitSeconds: 60, seconds: undefined, systemWide: false, signal });
  expect(end.report).toBeNull();
  expect(end.reason).toContain("without a report");
});

test("`bytewitness NAME` of a script that does not load", async () => {
  const copy = join(directory, "package");
  mkdirSync(copy);
  for (const name of ["src", "scripts", "c", "package.json"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const broken = Object.entries(BROKEN).map(([name, text]) => [name, text.replaceAll(ROOT, `${copy}/`)] as const);
  for (const [name, text] of broken) {
    writeFileSync(join(copy, "scripts/verify.ts"), text);
    const ended = await run([process.execPath, join(copy, "scripts/bytewitness.js"), "verify", "x"]);
    expect([name, ended.code, ended.stderr.includes("our own failure")]).toEqual([name, 255, true]);
  }
});

const shell = (line: string) => run(["sh", "-c", line.replaceAll("BUN", `"${process.execPath}"`)]);
/** Reports of others than reproducers: the code is that of the verdict, also where no one can read it. */
test.each([
  [`BUN ${ROOT}scripts/survey.ts --only splice-fpos --quiet --json`, 1],
  [`BUN ${ROOT}scripts/survey.ts --only splice-fpos --quiet`, 1],
  [`BUN ${ROOT}scripts/survey.ts --only splice-fpos --quiet --ktap`, 1],
  [`BUN ${ROOT}scripts/lab.ts kconfig`, 255],
  [`BUN ${ROOT}scripts/doctor.ts`, 255],
  [`BUN ${ROOT}scripts/completions.ts bash`, 255],
])("to a full device: %s", async (line, code) => {
  const ended = await shell(`${line} >/dev/full`);
  expect({ code: ended.code, lines: ended.stderr.trim().split("\n").length, stderr: ended.stderr }).toEqual({
    ...{ code, lines: 1, stderr: expect.stringContaining("standard output took 0 of") },
  });
});

/** Words that are wrong in a way that only their command can know: one line, 254. */
test.each([
  [`BUN ${ROOT}scripts/verify.ts - 0>write-only`, "standard input is open for writing only"],
  [`BUN ${ROOT}scripts/fill.ts - --bytes 4096 1</dev/null`, "standard output is open for reading only"],
  [`BUN ${ROOT}scripts/fill.ts block --bytes 4096 --block 8000TiB`, "--block must be a size"],
  [`BUN ${ROOT}scripts/verify.ts ${DOOR} --svg -`, "write ./-"],
  [`BUN ${ROOT}scripts/gallery/splice-fpos.ts --trace -`, "write ./-"],
  [`BUN ${ROOT}scripts/bench.ts first-finding --kernel nope`, '--kernel "nope" is not a version'],
  [`BUN ${ROOT}scripts/soak.ts 1 --only ''`, "--only needs"],
  [`BUN ${ROOT}scripts/new.ts /nonexistent/x.ts`, "/nonexistent/x.ts"],
])("%s", async (line, why) => {
  const ended = await shell(line);
  expect({ code: ended.code, stdout: ended.stdout, lines: ended.stderr.split("\n").length }).toEqual({
    ...{ code: 254, stdout: "", lines: 2 },
  });
  expect(ended.stderr).toContain(why);
  for (const name of ["-", "block"]) expect(readdirSync(directory)).not.toContain(name);
});

test("a very long value is cut in its middle, and what turns a line around is an escape", async () => {
  const verify = [process.execPath, `${ROOT}scripts/verify.ts`];
  const long = "9".repeat(90_000);
  for (const words of [
    ["x", "--length", long],
    [long],
    ["x", `--${long}`],
    [DOOR, "--pattern", long],
    [`${"d/".repeat(2000)}x`],
  ]) {
    const { code, stderr } = await run([...verify, ...words]);
    expect([code, stderr.length < 3000, /…\(\d+ characters\)…/.test(stderr)]).toEqual([254, true, true]);
  }
  for (const letter of ["\u001b", "\u009b", "\u202e", "\u2066"]) {
    const { code, stderr } = await run([...verify, `/nonexistent/${letter}[31m`]);
    expect([code, stderr.includes(letter)]).toEqual([254, false]);
  }
});

/** Flags that name a file to be written, and a run of each verdict. */
const WRITERS = ["--report", "--trace", "--emit-c", "--emit-kselftest"];
const SPLICE = [
  process.execPath,
  `${ROOT}scripts/gallery/splice-fpos.ts`,
  "--variant",
  "end-of-pipe",
  "--quiet",
  "--json",
];
const UNWRITABLE = [
  "/nonexistent/x.html",
  "/proc/x.html",
  "DIR",
  "DIR/taken.html",
  "DIR/loop.html",
  "DIR/taken.html/x",
];

test("a report that cannot be made is a bad argument before the run", async () => {
  writeFileSync(join(directory, "taken.html"), "mine");
  symlinkSync("loop.html", join(directory, "loop.html"));
  const verify = [process.execPath, `${ROOT}scripts/verify.ts`, "taken.html", "--pattern", "zero"];
  const flags = [...WRITERS.map((flag) => [SPLICE, flag] as const), [verify, "--svg"] as const];
  for (const [words, flag] of flags) {
    for (const place of UNWRITABLE) {
      const { code, stdout, stderr } = await run([...words, flag, place.replace("DIR", directory)], directory);
      const oneLine = stderr.trim().split("\n").length === 1;
      expect({ flag, place, code, stdout, oneLine }).toEqual({ flag, place, code: 254, stdout: "", oneLine: true });
    }
  }
  expect(readFileSync(join(directory, "taken.html"), "utf8")).toBe("mine");
});

let small = "";
beforeAll(() => {
  small = mkdtempSync(join(directory, "small-"));
});

test("a report that cannot be finished never changes the verdict, and the finding is on stdout", async () => {
  // A file may have 4 KiB here; the page has more.
  for (const [flag, name] of [
    ["--report", "a.html"],
    ["--trace", "a.json"],
  ] as const) {
    const words = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", ...SPLICE, flag, join(small, name)];
    const { code, stdout, stderr } = await run(words, small, { TMPDIR: small });
    expect([flag, code, JSON.parse(stdout).verdict]).toEqual([
      flag,
      JSON.parse(stdout).verdict === "corrupt" ? 1 : 125,
      expect.any(String),
    ]);
    expect(stderr === "" || stderr.trim().split("\n").length === 1).toBe(true);
  }
  const { code, stderr } = await run(["sh", "-c", 'exec "$@" >/dev/full', "sh", ...SPLICE], small, { TMPDIR: small });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("the verdict is corrupt") });
  expect(readdirSync(small).length).toBeGreaterThan(0);
});
