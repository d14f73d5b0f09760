/** Files of killed jobs go, a user's file under the same prefix stays; evidence and mounts, wherever TMPDIR is. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { keepEvidence } from "../../src/place/evidence.ts";
import { temporaryDirectory } from "../../src/place/place.ts";
import { needed } from "../needed.ts";
import { childrenOf, until } from "../until.ts";

const SCRIPT = `${import.meta.dir}/../../scripts/uring-append.ts`;
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(`${os.tmpdir()}/jobs-`);
});
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  rmSync(directory, { recursive: true });
});
const before = process.env.TMPDIR;

function append(...words: string[]) {
  return Bun.spawn([process.execPath, SCRIPT, ...words], { stdout: "pipe", stderr: "ignore" });
}

const numbered = () => readdirSync(directory).filter((name) => /^p\.\d+$/.test(name));

test("a killed job's files are removed by identity: the user's file with a job's number stays", async () => {
  const run = append(`${directory}/p`, "6", "4", "--jobs", "2", "--pressure", "none", "--json", "--quiet");
  await until("both jobs' files", () => numbered().some((name) => Number(name.slice(2)) % 2 === 1));
  // The user's own, with a number that job 1 would count as its own.
  writeFileSync(`${directory}/p.1000001`, "the user's");
  const jobs = childrenOf(run.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("--seed"));
  const job = jobs.find((pid) => readFileSync(`/proc/${pid}/environ`, "latin1").includes("BYTEWITNESS_JOB=1/2"));
  process.kill(job as number, "SIGKILL");
  const report = JSON.parse(await new Response(run.stdout).text());
  expect([report.verdict, await run.exited]).toEqual(["inconclusive", 125]);
  expect(readFileSync(`${directory}/p.1000001`, "utf8")).toBe("the user's");
  expect(numbered()).toEqual(["p.1000001"]);
});

test("a run killed with SIGKILL leaves no file under its prefix", async () => {
  const run = append(`${directory}/p`, "60", "4", "--pressure", "none", "--quiet");
  await until("a file", () => numbered().length > 0);
  writeFileSync(`${directory}/p.57`, "the user's");
  run.kill("SIGKILL");
  await run.exited;
  await until("the guard", () => numbered().every((name) => name === "p.57"));
  expect(readFileSync(`${directory}/p.57`, "utf8")).toBe("the user's");
});

test.skipIf(needed("root", "mkfs.xfs"))("evidence is kept with TMPDIR below /mnt, which is not covered", async () => {
  const place = mkdtempSync("/mnt/bytewitness-test-");
  try {
    const child = Bun.spawn([process.execPath, SCRIPT, "--inject", "zeroed", "--files", "2", "--json", "--quiet"], {
      env: { ...process.env, TMPDIR: place },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect([await child.exited, stderr.includes("254")]).toEqual([1, false]);
    const { artifacts } = JSON.parse(stdout) as { artifacts: string[] };
    expect(artifacts.length).toBe(1);
    expect(artifacts[0]).toStartWith(`${place}/`);
    expect(existsSync(artifacts[0] as string)).toBe(true);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("evidence goes to the next place when one takes none, and what cannot be kept is named", () => {
  const ran: string[] = [];
  writeFileSync(`${directory}/bad.3`, "evidence");
  process.env.TMPDIR = `${directory}/missing`;
  const { paths, lines } = keepEvidence("test", [`${directory}/bad.3`, `${directory}/gone`], (line) => ran.push(line));
  expect(paths.length).toBe(1);
  expect(readFileSync(paths[0] as string, "utf8")).toBe("evidence");
  expect(lines).toEqual(ran);
  expect(ran[0]).toMatch(/gone" could not be kept \(.*ENOENT.*\); it is there until this run ends/);
  rmSync((paths[0] as string).slice(0, (paths[0] as string).lastIndexOf("/")), { recursive: true });
});

test("a TMPDIR that is missing, no directory, or read-only is one clear line", () => {
  for (const [place, word] of [
    [`${directory}/missing`, "make it, or choose another TMPDIR"],
    ["/dev/null", "is not a directory (ENOTDIR); choose another TMPDIR"],
  ] as const) {
    process.env.TMPDIR = place;
    expect(() => temporaryDirectory()).toThrow(word);
  }
});
