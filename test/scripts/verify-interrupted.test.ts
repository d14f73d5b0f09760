/** verify.ts that a signal stops: what it found until then is reported, and nothing is said of what it did not read. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { counter } from "../../src/pattern/counter.ts";
import type { RunReport } from "../../src/report/document.ts";
import { needed } from "../needed.ts";
import { bytesReadBy, isBlockedIn, until } from "../until.ts";
import { ROOT } from "./command.ts";

const SLOW_MS = 120_000;
const MIB = 2 ** 20;
const PAGE = 4096;
const directory = mkdtempSync(join(tmpdir(), "bytewitness-interrupted-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function stream(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  counter().fill(bytes, 0);
  return bytes;
}

function verify(words: readonly string[]) {
  return Bun.spawn([process.execPath, "scripts/verify.ts", ...words, "--json", "--quiet"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: SLOW_MS, killSignal: "SIGKILL" },
  });
}

/** Sends the signal once `isThere`; what the run reports then. */
async function interrupted(
  words: readonly string[],
  signal: "SIGINT" | "SIGTERM",
  isThere: (pid: number) => boolean,
): Promise<RunReport & { code: number }> {
  const child = verify(words);
  await until("the run to be where it shall be interrupted", () => isThere(child.pid), SLOW_MS / 2);
  child.kill(signal);
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as RunReport), code: await child.exited };
}

/** A FIFO whose writer wrote these bytes and does not go on. */
function waitingFifo(name: string, bytes: Uint8Array): { path: string; isRead: (pid: number) => boolean } {
  const path = join(directory, name);
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  const source = `${path}.bytes`;
  writeFileSync(source, bytes);
  const writer = Bun.spawn(["sh", "-c", 'exec >"$1"; cat "$2"; : >"$2.written"; exec sleep 1000', "sh", path, source]);
  afterAll(() => writer.kill("SIGKILL"));
  // A reader that waits although all was written has read it all.
  return { path, isRead: (pid) => existsSync(`${source}.written`) && isBlockedIn(pid, "read") };
}

test(
  "a stream that waits: the finding, its signal, and no word of what was not read",
  async () => {
    const bytes = stream(MIB);
    bytes.fill(0, 0x30000, 0x30000 + PAGE);
    const { path, isRead } = waitingFifo("damaged", bytes);
    const report = await interrupted([path, "--expect-bytes", "8MiB"], "SIGINT", isRead);
    const { code, verdict, reason, interrupted: signal, findings, totals, workload, segments } = report;
    expect({ code, verdict, signal, verified: totals.bytesVerified, lengthChecked: workload.lengthChecked }).toEqual({
      ...{ code: 130, verdict: "corrupt", signal: "SIGINT", verified: MIB, lengthChecked: false },
    });
    expect(reason).toContain("interrupted by SIGINT");
    expect(findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])).toEqual([
      ["zeroed", 0x30000, PAGE],
    ]);
    expect(segments?.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(MIB);
  },
  SLOW_MS,
);

test(
  "a stream that waits, without damage, is inconclusive: so much was right",
  async () => {
    const { path, isRead } = waitingFifo("clean", stream(MIB));
    const { code, verdict, reason, findings, totals } = await interrupted([path], "SIGTERM", isRead);
    expect([code, verdict, findings, totals.bytesVerified]).toEqual([143, "inconclusive", [], MIB]);
    expect(reason).toMatch(/^interrupted by SIGTERM after .* s; nothing wrong in what was read before$/);
  },
  SLOW_MS,
);

test(
  "a file in the middle: what was wrong until there",
  async () => {
    const path = join(directory, "wrong");
    // Every other word is wrong: slow enough to be interrupted.
    const bytes = stream(64 * MIB);
    for (let at = 3; at < bytes.length; at += 16) bytes[at] = 0x77;
    writeFileSync(path, bytes);
    const isThere = (pid: number) => (bytesReadBy(pid) ?? 0) > 8 * MIB;
    const report = await interrupted([path, "--expect-bytes", String(bytes.length)], "SIGINT", isThere);
    const { code, verdict, interrupted: signal, findings, totals } = report;
    expect([code, verdict, signal]).toEqual([130, "corrupt", "SIGINT"]);
    expect(totals.bytesVerified).toBeLessThan(bytes.length);
    expect(findings.length).toBe(256);
    expect(findings.some(({ kind }) => kind === "truncated" || kind === "lost")).toBe(false);
    expect(findings.some((finding) => "secondReading" in finding)).toBe(false);
  },
  SLOW_MS,
);

test.skipIf(needed("fio"))(
  "what fio wrote, in the middle",
  async () => {
    const path = join(directory, "fio");
    const job = [
      "--name=job",
      "--rw=write",
      "--ioengine=psync",
      "--bs=4k",
      "--size=128M",
      // Its checksum is computed here in TypeScript: slow enough to be interrupted.
      "--verify=sha256",
      "--do_verify=0",
    ];
    expect(Bun.spawnSync(["fio", ...job, `--filename=${path}`], { cwd: directory }).exitCode).toBe(0);
    const fd = openSync(path, "r+");
    writeSync(fd, new Uint8Array(PAGE), 0, PAGE, 0x30000);
    closeSync(fd);
    const isThere = (pid: number) => (bytesReadBy(pid) ?? 0) > 16 * MIB;
    const report = await interrupted([path, "--pattern", "fio", "--expect-bytes", "4GiB"], "SIGINT", isThere);
    const { code, verdict, interrupted: signal, findings, totals } = report;
    expect([code, verdict, signal]).toEqual([130, "corrupt", "SIGINT"]);
    expect(findings.map(({ kind, offsetBytes }) => [kind, offsetBytes])).toEqual([["zeroed", 0x30000]]);
    expect(totals.bytesVerified).toBeLessThan(128 * MIB);
  },
  SLOW_MS,
);

test(
  "a wrong byte that was not explained yet is reported as one",
  async () => {
    const [original, copy] = [join(directory, "original"), join(directory, "copy")];
    writeFileSync(copy, stream(MIB));
    // Its index takes long to make, and nothing is explained before it is there.
    const source = openSync(original, "w");
    for (let at = 0; at < 512 * MIB; at += MIB) writeSync(source, stream(MIB));
    closeSync(source);
    const fd = openSync(copy, "r+");
    writeSync(fd, new Uint8Array(PAGE), 0, PAGE, 0x30000);
    closeSync(fd);
    const isThere = (pid: number) => (bytesReadBy(pid) ?? 0) > 128 * MIB;
    const report = await interrupted([copy, "--pattern", `reference:${original}`], "SIGINT", isThere);
    const { code, verdict, reason, findings } = report;
    expect([code, verdict, findings]).toEqual([130, "inconclusive", []]);
    const at = /; a byte at or after ([\d,]+) is wrong and was not explained any more$/.exec(reason ?? "")?.[1];
    // The block that holds it begins there.
    expect(Number(at?.replaceAll(",", ""))).toBeLessThanOrEqual(0x30000);
  },
  SLOW_MS,
);

test(
  "a hole that is compared with that of a reference",
  async () => {
    const [original, copy] = [join(directory, "hole"), join(directory, "hole-copy")];
    for (const path of [original, copy]) {
      writeFileSync(path, stream(MIB));
      // Minutes of work.
      truncateSync(path, 2 ** 40);
    }
    const isThere = (pid: number) => (bytesReadBy(pid) ?? 0) > 128 * MIB;
    const report = await interrupted([copy, "--pattern", `reference:${original}`], "SIGINT", isThere);
    const { code, verdict, interrupted: signal, findings, totals } = report;
    expect([code, verdict, signal, findings]).toEqual([130, "inconclusive", "SIGINT", []]);
    expect(totals.bytesVerified).toBeGreaterThan(MIB);
    expect(totals.bytesVerified).toBeLessThan(2 ** 40);
  },
  SLOW_MS,
);
