/** `--shrink` as its users meet it: a process that ends in the report of the smallest run, and leaves nothing of the search. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { RunReport } from "../../src/report/document.ts";
import { until } from "../until.ts";

const ROOT = join(import.meta.dir, "../..");
const directory = mkdtempSync(join(tmpdir(), "bytewitness-shrink-test-"));
afterAll(() => rmSync(directory, { recursive: true }));
const TIMEOUT = 240_000;

function start(script: string, ...words: string[]) {
  return Bun.spawn([process.execPath, join(ROOT, "scripts", script), ...words], {
    env: { ...process.env, TMPDIR: directory },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 200_000,
    killSignal: "SIGKILL",
  });
}

async function run(script: string, ...words: string[]) {
  const child = start(script, ...words);
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { code: child.exitCode, stdout, stderr };
}

/** What is in the directory, apart from what Bun itself puts there. */
const left = () => readdirSync(directory).filter((name) => !name.startsWith("bun-"));

function removeKept({ artifacts }: RunReport): void {
  for (const path of artifacts) {
    const above = dirname(path);
    rmSync(above === directory ? path : above, { recursive: true });
  }
}

/** A search that needs no kernel bug: our own damage in the third file. */
function damaged(prefix: string, seconds = "3s"): string[] {
  const sizes = ["8", "--chunk-min", "64KiB", "--chunk-max", "256KiB"];
  return [
    join(directory, prefix),
    seconds,
    ...sizes,
    "--door",
    "write",
    "--pressure",
    "none",
    "--inject",
    "bit-flipped",
  ];
}

test(
  "what the finding does not need goes: one file, one append, and only the last run keeps evidence",
  async () => {
    const page = join(directory, "page.txt");
    const words = [...damaged("append"), "--fsync", "--seed", "7", "--shrink", "--report", page, "--json"];
    const { code, stdout, stderr } = await run("uring-append.ts", ...words);
    const report = JSON.parse(stdout) as RunReport;
    expect([code, report.verdict, report.totals.files, report.totals.calls, report.seed]).toEqual([
      1,
      "corrupt",
      1,
      1,
      7,
    ]);
    expect(report.replay).toContain("--files 1 --appends 1");
    expect(report.replay).not.toContain("--fsync");
    expect(report.shrunk?.from).toContain("--fsync");
    const { hits = 0, runs = 0, tried = 0, kept = 0 } = report.shrunk ?? {};
    expect([hits, kept > 0, tried >= kept, runs > 1]).toEqual([runs, true, true, true]);
    expect(stderr).toContain("shrink: smallest: ");
    expect(readFileSync(page, "utf8")).toContain(`${hits} of ${runs} runs of this command hit`);
    expect(report.artifacts).toEqual([join(directory, "append.0")]);
    expect(left().sort()).toEqual(["append.0", "page.txt"]);
    rmSync(page);
    removeKept(report);
  },
  TIMEOUT,
);

test(
  "a gallery case: one of its ways in the place of all",
  async () => {
    const { code, stdout } = await run("gallery/past-the-end.ts", "--shrink", "--json", "--quiet");
    const report = JSON.parse(stdout) as RunReport;
    expect([code, report.verdict, report.workload.by === "all"]).toEqual([1, "corrupt", false]);
    removeKept(report);
    expect(left()).toEqual([]);
  },
  TIMEOUT,
);

test(
  "nothing to shrink: the report of the first run, and its code",
  async () => {
    const words = [join(directory, "clean"), "1s", "1", "--door", "write", "--pressure", "none", "--files", "1"];
    const { code, stdout, stderr } = await run("uring-append.ts", ...words, "--shrink", "--json");
    expect([code, (JSON.parse(stdout) as RunReport).verdict]).toEqual([0, "clean"]);
    expect(stderr).toContain("nothing to shrink: the first run was clean");
    expect(left()).toEqual([]);
  },
  TIMEOUT,
);

/** Reads stderr until a line of the search holds what `wanted` looks for; the rest is read on, so that no one blocks. */
async function narrated(child: ReturnType<typeof start>, wanted: RegExp): Promise<void> {
  const seen = Promise.withResolvers<void>();
  void (async () => {
    let text = "";
    for await (const chunk of child.stderr) {
      text += Buffer.from(chunk).toString();
      if (wanted.test(text)) seen.resolve();
    }
    seen.reject(new Error(`never printed ${wanted}: ${text}`));
  })();
  await seen.promise;
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").flatMap((word) => (word === "" ? [] : [Number(word)]));
}

const gone = (pid: number) => !existsSync(`/proc/${pid}`);

test(
  "Ctrl-C keeps the best so far and ends 130",
  async () => {
    const child = start("uring-append.ts", ...damaged("cut"), "--shrink", "--json");
    const stdout = new Response(child.stdout).text();
    await narrated(child, /shrink: corrupt after /);
    child.kill("SIGINT");
    await child.exited;
    const report = JSON.parse(await stdout) as RunReport;
    expect([child.exitCode, report.verdict, report.artifacts]).toEqual([130, "corrupt", []]);
    expect(report.replay).toContain("--files 1");
    expect(left()).toEqual([]);
  },
  TIMEOUT,
);

test(
  "its runs do not outlive it",
  async () => {
    const child = start("uring-append.ts", ...damaged("killed", "30s"), "--shrink");
    await narrated(child, /shrink: first: /);
    await until("a run of the search", () => childrenOf(child.pid).length > 0);
    const runs = childrenOf(child.pid);
    child.kill("SIGKILL");
    await child.exited;
    await until("the runs to end", () => runs.every(gone));
  },
  TIMEOUT,
);

test.each([
  [["--shrink-seconds", "5"], "--shrink-seconds has no effect without --shrink"],
  [["--shrink", "--report", "/nonexistent/r.txt"], "--report: /nonexistent/r.txt cannot be made"],
  [["--shrink", "--report", "r.pdf"], "--report r.pdf: the ending chooses the form"],
  [["--shrink", "--emit-c", "/proc/self/x.c"], "--emit-c: /proc/self/x.c cannot be made"],
])(
  "%p is refused before anything runs",
  async (words, message) => {
    const { code, stdout, stderr } = await run("gallery/past-the-end.ts", ...words);
    expect([code, stdout, stderr.trim().split("\n").length]).toEqual([254, "", 1]);
    expect(stderr).toContain(message);
  },
  TIMEOUT,
);
