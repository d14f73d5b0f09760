/** uring-append as a process: the canary for every kind, the contract's exit codes, and a world that is not as hoped. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import { basename } from "node:path";
import { INJECTIONS, planInjection } from "../../src/workload/append/inject.ts";
import { chunksOfFile } from "../../src/workload/append/plan.ts";
import { needed } from "../needed.ts";
import { IN_PRIVATE } from "../private.ts";
import { childrenOf, isRunning, until } from "../until.ts";
import { command, ROOT, reportOf } from "./command.ts";

const directory = mkdtempSync(`${os.tmpdir()}/bytewitness-test-append-`);
afterAll(() => rmSync(directory, { recursive: true }));

const MiB = 2 ** 20;
const SIZES = ["--file-mb", "4", "--chunk-min", "64KiB", "--chunk-max", "1MiB", "--quiet"];
const SMALL = [...SIZES, "--pressure", "none"];

/** Names PREFIX.N in the directory with N at least `index`, that hold something. */
const filesFrom = (prefix: string, index: number) =>
  readdirSync(directory).filter((name) => {
    const number = name.startsWith(`${prefix}.`) ? Number(name.slice(prefix.length + 1)) : Number.NaN;
    return number >= index && (statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  });

describe("the canary: damage of our own is found with kind, offset and length exactly", () => {
  for (const kind of INJECTIONS) {
    for (const seed of [1, 2, 3]) {
      test(`${kind}, seed ${seed}`, async () => {
        const prefix = `${directory}/canary-${kind}-${seed}`;
        const args = [prefix, "5", ...SMALL, "--inject", kind, "--seed", String(seed), "--files", "2", "--json"];
        const ran = await command("uring-append", args);
        expect(ran.code).toBe(1);
        const report = reportOf(ran);
        const index = kind === "stale" ? 1 : 0;
        const plan = { seed, fileBytes: 4 * MiB, chunkBytes: { min: 64 * 1024, max: MiB } };
        const chunks = chunksOfFile(plan, index);
        const wanted = planInjection(kind, seed, index, chunks);
        const found = report.findings.map(({ kind, file, offsetBytes, lengthBytes, pageAligned }) => {
          return { kind, file, offsetBytes, lengthBytes, pageAligned };
        });
        const { offsetBytes, lengthBytes } = wanted;
        const file = `${prefix}.${index}`;
        expect(found).toEqual([{ kind, file, offsetBytes, lengthBytes, pageAligned: offsetBytes % 4096 === 0 }]);
        if (wanted.originBytes !== undefined) expect(report.findings[0]?.originBytes).toBe(wanted.originBytes);
        // The chunk's own call, and no one else's: the next file's calls have the same offsets.
        const calls = report.findings[0]?.calls ?? [];
        const { chunkIndex } = wanted;
        // A loss names the call before it, the one that never was, and the one after it.
        const around = kind === "lost" ? [-1, 0, 1] : kind === "duplicated" ? [1] : [0];
        const indices = kind === "truncated" ? [chunks.length - 1] : around.map((step) => chunkIndex + step);
        expect(calls.map((call) => call.index)).toEqual(indices);
        expect(report.artifacts).toEqual([file]);
        expect(existsSync(file)).toBe(true);
        rmSync(file);
      });
    }
  }

  test("the injected duplicate has report 1's shape: page-aligned, as long as the file is too long", async () => {
    const prefix = `${directory}/shape`;
    const args = [prefix, "5", ...SMALL, "--inject", "duplicated", "--seed", "9", "--files", "1", "--json"];
    const report = reportOf(await command("uring-append", args));
    const [finding] = report.findings;
    expect(finding?.pageAligned).toBe(true);
    const size = Bun.file(`${prefix}.0`).size;
    expect(finding?.lengthBytes).toBe(size - report.totals.bytesWritten);
    expect(report.sections?.[0]?.title).toBe("Ledger");
    rmSync(`${prefix}.0`);
  });
});

test.skipIf(needed("root", "mkfs.xfs"))(
  "without a PREFIX root gets an XFS of its own, clean, and nothing stays behind",
  async () => {
    const ran = await command("uring-append", ["--seconds", "2", "--json"], { through: "package" });
    expect(ran.code).toBe(0);
    const report = reportOf(ran);
    expect(report.verdict).toBe("clean");
    expect(report.environment.filesystem).toBe("xfs");
    expect(report.totals.bytesVerified).toBeGreaterThan(48 * MiB);
    expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
    const device = /xfs of its own on (\/dev\/loop\d+)/.exec(ran.stderr)?.[1] ?? "";
    expect(device).not.toBe("");
    await until(
      "the loop device to be detached",
      () => !existsSync(`/sys/block/${basename(device)}/loop/backing_file`),
    );
    expect(await Bun.file("/proc/self/mountinfo").text()).not.toContain(`${device} `);
  },
);

test("every door writes the same plan and is clean here", async () => {
  const ran = await command("uring-append", [
    `${directory}/doors`,
    "60",
    ...SMALL,
    "--door",
    "all",
    "--files",
    "3",
    "--json",
  ]);
  expect(ran.code).toBe(0);
  const table = reportOf(ran).sections?.find((section) => section.title.startsWith("Doors"))?.lines ?? [];
  expect(table.length).toBe(9);
  expect(table.slice(1).every((line) => / clean +3 /.test(line))).toBe(true);
  expect(readdirSync(directory)).toEqual([]);
});

const HEALTHY = [{ flags: ["--queue-depth", "8"] }, { flags: ["--async"] }, { flags: ["--fsync"] }];
test.each(HEALTHY)("$flags keeps a healthy file clean", async ({ flags }) => {
  const args = [`${directory}/option`, "3", ...SMALL, "--files", "3", "--json", ...flags];
  const ran = await command("uring-append", args);
  expect(ran.code).toBe(0);
  expect(reportOf(ran).totals.files).toBe(3);
});

test("jobs are processes with one merged verdict, and one corrupt job makes it corrupt", async () => {
  const args = [`${directory}/jobs`, "30", ...SMALL, "--jobs", "2", "--files", "4", "--json"];
  const clean = reportOf(await command("uring-append", args));
  expect({ verdict: clean.verdict, files: clean.totals.files }).toEqual({ verdict: "clean", files: 8 });
  const ran = await command("uring-append", [...args, "--inject", "zeroed"]);
  expect(ran.code).toBe(1);
  const report = reportOf(ran);
  expect(report.findings.map((finding) => finding.kind)).toEqual(["zeroed"]);
  for (const file of report.artifacts) rmSync(file);
  expect(readdirSync(directory)).toEqual([]);
});

describe("bad input: one clear line, 254", () => {
  const cases: { args: string[]; line: RegExp }[] = [
    { args: ["/nonexistent/x"], line: /no directory "\/nonexistent"/ },
    { args: [`${ROOT}package.json/x`], line: /no directory|not a directory/ },
    { args: [`${directory}/p`, "0"], line: /SECONDS must be a time above 0/ },
    { args: [`${directory}/p`, "-1"], line: /SECONDS must be a time above 0.*not "-1"/ },
    { args: [`${directory}/p`, "abc"], line: /SECONDS must be/ },
    { args: [`${directory}/p`, "1e9"], line: /SECONDS must be/ },
    { args: [`${directory}/p`, "1", "9999999"], line: /FILE_MB must be a whole number from 1 to 1048576/ },
    { args: [`${directory}/p`, "1", "1000000"], line: /has .* free and this run needs/ },
    { args: [`${directory}/p`, "1", "48", "more"], line: /unexpected argument "more"/ },
    { args: ["--bogus"], line: /unknown flag --bogus/ },
    { args: ["--chunk-min", "8MiB", "--chunk-max", "1MiB"], line: /larger than --chunk-max/ },
    { args: ["--door", "back"], line: /--door must be one of/ },
    { args: ["--json", "--ktap"], line: /cannot be given together/ },
  ];
  test.each(cases)("$args", async ({ args, line }) => {
    const ran = await command("uring-append", args);
    expect({ code: ran.code, stdout: ran.stdout, lines: ran.stderr.trim().split("\n").length }).toEqual({
      code: 254,
      stdout: "",
      lines: 1,
    });
    expect(ran.stderr).toMatch(line);
  });

  test("a PREFIX whose numbered files would have names that are too long", async () => {
    for (const length of [232, 256, 5000]) {
      const ended = await command("uring-append", [`${directory}/${"n".repeat(length)}`, "0.2"]);
      expect([ended.code, ended.stdout, ended.stderr.trim().split("\n").length]).toEqual([254, "", 1]);
    }
  });

  test("an existing PREFIX.N is named and left as it is", async () => {
    writeFileSync(`${directory}/mine.7`, "precious");
    const ran = await command("uring-append", [`${directory}/mine`, "1"]);
    expect(ran.code).toBe(254);
    expect(ran.stderr).toContain(`"${directory}/mine.7" exists`);
    expect(await Bun.file(`${directory}/mine.7`).text()).toBe("precious");
    rmSync(`${directory}/mine.7`);
  });
});

describe("a bad world: the verdict states what happened, nothing stays behind", () => {
  test("a file size limit ends the run as inconclusive", async () => {
    const wrap = ["sh", "-c", 'ulimit -f 4096; exec "$@"', "sh"];
    const ran = await command("uring-append", [`${directory}/limit`, "2", ...SMALL, "--json"], { wrap });
    expect(ran.code).toBe(125);
    expect(reportOf(ran).reason).toContain("EFBIG");
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each(["auto", "none"])("a directory that goes away while running, with pressure %s", async (pressure) => {
    const gone = `${directory}/gone-${pressure}`;
    mkdirSync(gone);
    const running = command("uring-append", [`${gone}/x`, "20", ...SIZES, "--pressure", pressure, "--json"]);
    await until("the first file", () => existsSync(`${gone}/x.0`));
    rmSync(gone, { recursive: true });
    const { code, stdout, stderr } = await running;
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.any(String) });
    expect(JSON.parse(stdout).reason).toMatch(/ENOENT/);
  });

  test.skipIf(needed("root", "mkfs.xfs"))("a disk that fills up in the middle, on a small XFS", async () => {
    // A private mount namespace: the mount vanishes with the shell, whatever happens to this test.
    const script = `set -e; truncate -s 320M ${directory}/image; mkfs.xfs -q ${directory}/image; mkdir ${directory}/small
      mount -o loop ${directory}/image ${directory}/small; rm ${directory}/image
      "$@"; code=$?; ls ${directory}/small; exit $code`;
    const wrap = [...IN_PRIVATE, "sh", "-c", script, "sh"];
    const args = [`${directory}/small/x`, "20", "90", "--keep", "--quiet", "--pressure", "none"];
    const ran = await command("uring-append", args, { wrap: wrap.map((word) => word.replace("set -e;", "")) });
    expect(ran.code).toBe(125);
    expect(ran.stdout).toContain("INCONCLUSIVE");
    expect(ran.stdout).toContain("ENOSPC");
    rmSync(`${directory}/small`, { recursive: true });
  });

  test("a closed stdout keeps the exit code", async () => {
    const args = `${directory}/head 1 --files 1 ${SMALL.join(" ")}`;
    const pipe = Bun.spawn(
      ["bash", "-c", `${process.execPath} scripts/uring-append.ts ${args} | true; exit \${PIPESTATUS[0]}`],
      { cwd: ROOT },
    );
    await pipe.exited;
    expect(pipe.exitCode).toBe(0);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s: the verdict so far, and everything cleaned up", async (signal, code) => {
    const child = Bun.spawn(
      [process.execPath, "scripts/uring-append.ts", `${directory}/signal`, "60", ...SMALL, "--json"],
      {
        cwd: ROOT,
        stdout: "pipe",
        stderr: "ignore",
      },
    );
    // The third file is under way: the first has been verified.
    await until("the third file", () => filesFrom("signal", 2).length > 0);
    child.kill(signal);
    const stdout = await new Response(child.stdout).text();
    await child.exited;
    expect(child.exitCode).toBe(code);
    const report = JSON.parse(stdout);
    expect(report.totals.bytesVerified).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("a job that is killed makes the merged verdict inconclusive, and its files are removed", async () => {
    // Files of 200 MiB, so that the job is killed in the middle of one.
    const args = [`${directory}/killed`, "15", "200", "--pressure", "none", "--quiet", "--jobs", "2", "--json"];
    const child = Bun.spawn([process.execPath, "scripts/uring-append.ts", ...args], {
      cwd: ROOT,
      stdout: "pipe",
      stderr: "ignore",
    });
    await until("a file of each job", () => filesFrom("killed", 0).length >= 2);
    const jobs = childrenOf(child.pid);
    expect(jobs.length).toBe(2);
    process.kill(jobs[0] as number, "SIGKILL");
    const report = JSON.parse(await new Response(child.stdout).text());
    await child.exited;
    expect(child.exitCode).toBe(125);
    expect(report.reason).toMatch(/job \d ended by SIGKILL/);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("jobs end with their parent when it is killed", async () => {
    const args = [`${directory}/orphan`, "60", ...SMALL, "--jobs", "2", "--json"];
    const child = Bun.spawn([process.execPath, "scripts/uring-append.ts", ...args], {
      cwd: ROOT,
      stdout: "ignore",
      stderr: "ignore",
    });
    await until("a file of each job", () => filesFrom("orphan", 0).length >= 2);
    const jobs = childrenOf(child.pid);
    expect(jobs.length).toBe(2);
    child.kill("SIGKILL");
    await child.exited;
    await until("the jobs to end", () => !jobs.some(isRunning));
    expect(readdirSync(directory)).toEqual([]);
  });
});
