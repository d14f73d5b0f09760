/** splice-fpos as a process: the exact findings on a kernel that sets the position back, and the contract's streams. */
import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import { basename } from "node:path";
import { needed } from "../../needed.ts";

const ROOT = `${import.meta.dir}/../../..`;

async function run(...args: string[]) {
  const child = Bun.spawn([process.execPath, "scripts/gallery/splice-fpos.ts", ...args], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 20_000 },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
}

/** Bad on every kernel tried so far. When this turns, the header of the script and its table need a new line. */
test("end of pipe: exit 1, one lost range of 100 bytes at 100, and the file kept as evidence", async () => {
  const directory = mkdtempSync(`${os.tmpdir()}/splice-fpos-`);
  const { out, code } = await run(directory, "--variant", "end-of-pipe", "--json", "--seed", "7");
  const report = JSON.parse(out);
  expect(report.durationSeconds).toBeLessThan(10);
  const [file] = report.artifacts;
  expect(code).toBe(1);
  expect(report.verdict).toBe("corrupt");
  expect(report.trigger).toMatchObject({ reached: 1, attempts: 1 });
  expect(report.totals).toMatchObject({ bytesWritten: 50_200, bytesVerified: 50_100, files: 1, calls: 4 });
  const { calls, sample: _sample, ...finding } = report.findings[0];
  expect(report.findings.length).toBe(1);
  expect(finding).toEqual({
    kind: "lost",
    file,
    offsetBytes: 100,
    lengthBytes: 100,
    originBytes: 100,
    pageAligned: false,
    detail:
      "100 bytes of the other writer's record, acknowledged at 100, are gone from 100; the next write's bytes are there; " +
      "splice returned 0 and set the position back, f_pos 50100 -> 100",
    claim: { name: "the other writer's record", offsetBytes: 100, instead: "the next write" },
    cause: "splice returned 0 and set the position back, f_pos 50100 -> 100",
  });
  expect(calls.map((call: { what: string; result: number }) => [call.what, call.result])).toEqual([
    ["write (other)", 50_000],
    ["write (next)", 100],
  ]);
  const [evidence, ...others] = readdirSync(directory);
  expect([others, readdirSync(`${directory}/${evidence}`)]).toEqual([[], [basename(file)]]);
  expect(file).toBe(`${directory}/${evidence}/${basename(file)}`);
  rmSync(directory, { recursive: true });
});

test("both variants: KTAP reports not ok, and every splice was seen asleep", async () => {
  const directory = mkdtempSync(`${os.tmpdir()}/splice-fpos-`);
  const { out, code } = await run(directory, "--ktap");
  expect(code).toBe(1);
  expect(out).toStartWith("KTAP version 1\n");
  expect(out).toContain("not ok 1 splice-fpos");
  const json = JSON.parse((await run(directory, "--json")).out);
  expect(json.trigger).toMatchObject({ reached: 2, attempts: 2 });
  rmSync(directory, { recursive: true });
});

test("a directory that is not there is a bad argument that names it", async () => {
  const { out, err, code } = await run("/nonexistent/here", "--json");
  expect(code).toBe(254);
  expect(out).toBe("");
  expect(err).toContain("/nonexistent/here");
});

test.skipIf(needed("root", "setpriv", "a public checkout"))(
  "no root is needed: the same finding as an unprivileged user",
  async () => {
    const directory = mkdtempSync(`${os.tmpdir()}/splice-fpos-`);
    chmodSync(directory, 0o777);
    const words = [
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      process.execPath,
      "scripts/gallery/splice-fpos.ts",
    ];
    const child = Bun.spawnSync([...words, directory, "--variant", "end-of-pipe", "--json"], {
      ...{ cwd: ROOT, timeout: 20_000, env: { ...process.env, HOME: directory } },
    });
    const report = JSON.parse(child.stdout.toString());
    expect(child.exitCode).toBe(1);
    expect(report.environment.privileged).toBe(false);
    expect(report.findings.length).toBe(1);
    rmSync(directory, { recursive: true });
  },
);
