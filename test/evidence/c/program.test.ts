/** Emitted C programs: compiled without a warning, run, and right about bytes that are there and bytes that are not. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { cProgram } from "../../../src/evidence/c/program.ts";
import { NotExpressible } from "../../../src/evidence/c/select.ts";
import { type RecordedCall, Recorder } from "../../../src/evidence/recorder.ts";
import {
  allocate,
  counter,
  mapFile,
  msync,
  munmap,
  openFile,
  openPipe,
  read,
  statFd,
  truncate,
  write,
} from "../../../src/index.ts";
import { unlink } from "../../../src/ops/space.ts";
import type { ReportedFinding } from "../../../src/report/document.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../../src/uapi.ts";
import { needed } from "../../needed.ts";

const directory = mkdtempSync(`${os.tmpdir()}/emit-c-`);
afterAll(() => rmSync(directory, { recursive: true }));

const ABOUT = {
  tool: "cut-off",
  summary: "a file that is cut and grown again */ is zero",
  kernel: "6.1.170",
  filesystem: "xfs",
  mountOptions: "rw",
  kselftest: false,
  otherThreads: 0,
} as const;

/** Writes two pages that count up, cuts the file to half a page and grows it again. */
function record(): { calls: readonly RecordedCall[]; path: string } {
  using recorder = new Recorder();
  const path = `${directory}/data.1`;
  using file = openFile(path, { flags: O_RDWR | O_CREAT | O_EXCL });
  using buffer = allocate(8192);
  counter().fill(buffer.bytes, 0);
  write(file, buffer);
  truncate(file, { lengthBytes: 2048 });
  write(file, buffer, { offsetBytes: 4096, lengthBytes: 4096 });
  read(file, buffer, { offsetBytes: 0, lengthBytes: statFd(file).sizeBytes });
  unlink(path);
  return { calls: recorder.calls, path };
}

function finding(path: string, expected: Uint8Array, offsetBytes: number): ReportedFinding {
  const expectedHex = Buffer.from(expected).toString("hex");
  const sample = { offsetBytes, expectedHex, foundHex: "00" };
  return { kind: "zeroed", file: path, offsetBytes, lengthBytes: 64, pageAligned: false, detail: "zeros", sample };
}

function compileAndRun(text: string, place = directory): { code: number; output: string } {
  writeFileSync(`${directory}/program.c`, text);
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-o", `${directory}/program`];
  const made = Bun.spawnSync(["gcc", ...flags, `${directory}/program.c`]);
  expect(made.stderr.toString()).toBe("");
  const ran = Bun.spawnSync([`${directory}/program`, place]);
  expect(readdirSync(directory).sort()).toEqual(["program", "program.c"]);
  return { code: ran.exitCode, output: ran.stdout.toString() + ran.stderr.toString() };
}

const words = (fromBytes: number) => {
  const bytes = new Uint8Array(64);
  counter().fill(bytes, fromBytes);
  return bytes;
};

describe.skipIf(needed("gcc"))("with gcc", () => {
  test("bytes that are not there are CORRUPT, exit 1, and the program names the place", () => {
    const { calls, path } = record();
    const text = cProgram({ ...ABOUT, calls, findings: [finding(path, words(3072), 3072)] });
    expect(text.split("\n").length).toBeLessThan(150);
    expect(compileAndRun(text)).toEqual({ code: 1, output: "data.1: wrong bytes at 3072\nCORRUPT\n" });
  }, 60_000);

  test("bytes that are there are clean, exit 0", () => {
    const { calls, path } = record();
    const text = cProgram({ ...ABOUT, calls, findings: [finding(path, words(0), 4096)] });
    expect(compileAndRun(text)).toEqual({ code: 0, output: "clean\n" });
  }, 60_000);

  test("a kernel that answers otherwise is not called corrupt", () => {
    const { calls, path } = record();
    const otherwise = calls.map((call) => (call.call === "ftruncate" ? { ...call, result: -28 } : call));
    const text = cProgram({ ...ABOUT, calls: otherwise, findings: [finding(path, words(3072), 3072)] });
    const { code, output } = compileAndRun(text);
    expect([code, output]).toEqual([0, expect.stringContaining("ftruncate: 0, on the affected kernel -28\n")]);
  }, 60_000);

  test("as a kselftest it prints KTAP", () => {
    const { calls, path } = record();
    const text = cProgram({ ...ABOUT, kselftest: true, calls, findings: [finding(path, words(3072), 3072)] });
    const { code, output } = compileAndRun(text);
    expect([code, output]).toEqual([1, expect.stringMatching(/^TAP version 13\n1\.\.1\n.*\nnot ok 1 cut-off\n$/)]);
  }, 60_000);

  test("stores through a mapping are made again, at their place; idle descriptors are left out", () => {
    using recorder = new Recorder();
    const path = `${directory}/data.1`;
    {
      using file = openFile(path, { flags: O_RDWR | O_CREAT | O_EXCL });
      using idle = openPipe();
      expect(idle.capacityBytes).toBeGreaterThan(0);
      using buffer = allocate(8192);
      buffer.bytes.fill(0x41);
      write(file, buffer);
      using mapping = mapFile(file, { lengthBytes: 8192 });
      counter().fill(mapping.bytes.subarray(1024, 1024 + 512), 800);
      msync(mapping, { offsetBytes: 0, lengthBytes: 4096 });
      mapping.bytes.set([1, 2, 3], 5000);
      mapping.bytes.fill(0x43, 8000);
      munmap(mapping);
      truncate(file, { lengthBytes: 8190 });
    }
    unlink(path);
    const expected = new Uint8Array(64).fill(0x41);
    const text = cProgram({ ...ABOUT, calls: recorder.calls, findings: [finding(path, expected, 5000)] });
    for (const line of ["count_up(map + 1024, 100u, 512);", "msync(map, 4096, MS_SYNC)", "munmap(map, 8192)"])
      expect(text).toContain(line);
    expect(text).not.toContain("pipe2");
    expect(compileAndRun(text)).toEqual({ code: 1, output: "data.1: wrong bytes at 5000\nCORRUPT\n" });
    const right = cProgram({ ...ABOUT, calls: recorder.calls, findings: [finding(path, words(800), 1024)] });
    expect(compileAndRun(right)).toEqual({ code: 0, output: "clean\n" });
  }, 60_000);

  test("past-the-end's program is made of its calls, and of the same opinion about a tmpfs", () => {
    const path = `${directory}/emitted.c`;
    const script = join(import.meta.dir, "../../../scripts/gallery/past-the-end.ts");
    const words = [process.execPath, script, "--by", "ftruncate", "--json", "--quiet", "--emit-c", path];
    const env = { ...process.env, BYTEWITNESS_KEEP: "no" };
    const made = Bun.spawnSync(words, { env, timeout: 60_000 });
    expect(made.exitCode).toBe(1);
    const text = readFileSync(path, "utf8");
    rmSync(path);
    expect(text.split("\n").length).toBeLessThan(150);
    expect(text).toContain("memset(map2 + 2048, 0x42, 2048);");
    expect(compileAndRun(text, "/dev/shm").output).toEndWith("wrong bytes at 2048\nCORRUPT\n");
  }, 120_000);

  test("a file that exists is never overwritten", () => {
    const { calls, path } = record();
    const text = cProgram({ ...ABOUT, calls, findings: [finding(path, words(3072), 3072)] });
    writeFileSync(`${directory}/program.c`, text);
    Bun.spawnSync(["gcc", "-o", `${directory}/program`, `${directory}/program.c`]);
    writeFileSync(path, "mine");
    const ran = Bun.spawnSync([`${directory}/program`, directory]);
    expect([ran.exitCode, ran.stderr.toString()]).toEqual([125, "open: File exists\n"]);
    expect(readdirSync(directory)).toContain("data.1");
    rmSync(path);
  }, 60_000);
});

test("what was not recorded is refused: bytes that others wrote, no finding, too many calls", () => {
  const { calls, path } = record();
  const refused = (overrides: object) => () => cProgram({ ...ABOUT, calls, findings: [], ...overrides });
  expect(refused({ otherThreads: 1, findings: [finding(path, words(0), 0)] })).toThrow(/other threads/);
  expect(refused({})).toThrow(new NotExpressible("there is no finding to repeat"));
  expect(refused({ findings: [finding(path, new Uint8Array(64).fill(9), 0)] })).toThrow(/not recorded/);
  const stale = { ...finding(path, new Uint8Array(64), 0), kind: "stale" } as const;
  const found = (foundHex: string) => ({ findings: [{ ...stale, sample: { ...stale.sample, foundHex } }] });
  // Words that the calls wrote, and others that they did not.
  expect(refused(found(Buffer.from(words(800)).toString("hex")))).not.toThrow();
  expect(refused(found("99".repeat(64)))).toThrow(/written before these calls/);
  const many = Array.from({ length: 100 }, (_, index) => ({ ...(calls[1] as RecordedCall), index: 1000 + index }));
  expect(refused({ findings: [finding(path, words(0), 0)], calls: [...calls.slice(0, 2), ...many] })).toThrow(
    /at most 60/,
  );
});
