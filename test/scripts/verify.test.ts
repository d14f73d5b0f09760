/** verify.ts as a person runs it: files, ranges, devices of another kind, pipes, sparse files, bad input. */
import { afterAll, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyEdits, type Edit } from "../../src/judge/planted-damage.ts";
import { filesystemOf } from "../../src/ops/stat.ts";
import { counter } from "../../src/pattern/counter.ts";
import { GRAMMAR } from "../../src/pattern/grammar.ts";
import { needed } from "../needed.ts";
import { noise } from "../noise.ts";
import { bytesReadBy, until } from "../until.ts";
import { command, ROOT, reportOf } from "./command.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-verify-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const LENGTH = 3_000_001;

function file(name: string, ...edits: Edit[]): string {
  const path = join(directory, name);
  writeFileSync(path, applyEdits(edits, { pattern: counter(), lengthBytes: LENGTH }).bytes);
  return path;
}

const good = file("good");
const twice = file("twice", { kind: "duplicated", offsetBytes: 65536, lengthBytes: 32768 });

test("a good file is clean, in every way of reading it", async () => {
  for (const args of [
    [good],
    [good, "--jobs", "2"],
    [good, "--expect-bytes", String(LENGTH)],
    [good, "--offset", "1001", "--length", "70000"],
  ]) {
    const ran = await command("verify", [...args, "--json", "--quiet"]);
    expect(ran.stderr).toBe("");
    const { verdict, findings, segments, totals } = reportOf(ran);
    const from = args.includes("--offset") ? 1001 : 0;
    const bytes = args.includes("--offset") ? 70000 : LENGTH;
    expect({ code: ran.code, verdict, findings, segments, verified: totals.bytesVerified }).toEqual({
      code: 0,
      verdict: "clean",
      findings: [],
      segments: [{ offsetBytes: from, lengthBytes: bytes, kind: "intact" }],
      verified: bytes,
    });
  }
});

test("a damaged file is corrupt: one finding with its map, whoever read it first", async () => {
  for (const extra of [[], ["--jobs", "2"]]) {
    const ran = await command("verify", [twice, ...extra, "--json", "--quiet"], { through: "package" });
    const { verdict, findings, segments } = reportOf(ran);
    expect([ran.code, verdict, findings.length]).toEqual([1, "corrupt", 1]);
    const { sample, ...finding } = findings[0] ?? { sample: undefined };
    expect(finding).toEqual({
      kind: "duplicated",
      file: twice,
      offsetBytes: 65536,
      lengthBytes: 32768,
      originBytes: 32768,
      pageAligned: true,
      detail: "32,768 bytes from 32,768 are repeated at 65,536, page-aligned; everything after is shifted by that much",
      secondReading: filesystemOf(twice).type === "tmpfs" ? "unavailable" : "same",
    });
    expect(sample?.foundHex.length).toBe(128);
    expect(segments).toEqual([
      { offsetBytes: 0, lengthBytes: 65536, kind: "intact" },
      { offsetBytes: 65536, lengthBytes: 32768, kind: "duplicated", originBytes: 32768 },
      { offsetBytes: 98304, lengthBytes: LENGTH - 65536, kind: "intact", originBytes: 65536 },
    ]);
  }
});

test("standard input and named pipes are judged as they come", async () => {
  const child = Bun.spawn([process.execPath, "scripts/verify.ts", "-", "--json", "--quiet"], {
    cwd: ROOT,
    stdin: Bun.file(twice),
    stdout: "pipe",
  });
  const piped = Bun.spawn(
    ["sh", "-c", `cat "$1" | "$2" scripts/verify.ts - --offset 5 --json --quiet`, "sh", twice, process.execPath],
    { cwd: ROOT, stdout: "pipe" },
  );
  for (const one of [child, piped]) {
    const { findings } = JSON.parse(await new Response(one.stdout).text());
    expect([await one.exited, findings.length, findings[0].offsetBytes]).toEqual([1, 1, 65536]);
  }
  const pipe = join(directory, "pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  const writer = Bun.spawn(["sh", "-c", 'cat "$1" > "$2"', "sh", good, pipe]);
  expect((await command("verify", [pipe, "--quiet"])).code).toBe(0);
  await writer.exited;
});

test("a hole is not read: 100 GiB of zeros take a moment", async () => {
  const path = join(directory, "sparse");
  writeFileSync(path, readFileSync(good).subarray(0, 1 << 20));
  truncateSync(path, 100 * 2 ** 30);
  const started = performance.now();
  const { findings } = reportOf(await command("verify", [path, "--json", "--quiet"]));
  expect(findings.map(({ kind, offsetBytes, lengthBytes }) => ({ kind, offsetBytes, lengthBytes }))).toEqual([
    { kind: "zeroed", offsetBytes: 1 << 20, lengthBytes: 100 * 2 ** 30 - (1 << 20) },
  ]);
  expect(performance.now() - started).toBeLessThan(20_000);
});

test("a reference gives how long the stream is", async () => {
  const reference = join(directory, "reference");
  const copy = join(directory, "copy");
  const bytes = noise(60_000);
  writeFileSync(reference, bytes);
  const damaged = bytes.slice(0, 50_000);
  for (let at = 14164; at < 14336; at += 1) damaged[at] = (damaged[at] as number) ^ 0xff;
  writeFileSync(copy, damaged);
  const ran = await command("verify", [copy, "--pattern", `reference:${reference}`, "--json", "--quiet"]);
  expect(reportOf(ran).findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])).toEqual([
    ["foreign", 14164, 172],
    ["truncated", 50_000, 10_000],
  ]);
  expect((await command("verify", [reference, "--pattern", `reference:${reference}`])).code).toBe(0);
});

test("the map can be drawn, into a new file only", async () => {
  const svg = join(directory, "map.svg");
  expect((await command("verify", [twice, "--svg", svg, "--quiet"])).code).toBe(1);
  expect(readFileSync(svg, "utf8")).toContain("duplicated</text>");
  const again = await command("verify", [twice, "--svg", svg, "--quiet"]);
  expect([again.code, again.stderr]).toEqual([254, `verify: --svg: ${svg} exists; name a new file\n`]);
});

test("an empty file is inconclusive, unless bytes were expected", async () => {
  const empty = join(directory, "empty");
  writeFileSync(empty, "");
  const ran = await command("verify", [empty, "--json", "--quiet"]);
  expect([ran.code, reportOf(ran).verdict, reportOf(ran).reason]).toEqual([
    125,
    "inconclusive",
    "nothing was verified",
  ]);
  const short = await command("verify", [empty, "--expect-bytes", "8KiB", "--json", "--quiet"]);
  expect([short.code, reportOf(short).findings[0]?.kind, reportOf(short).findings[0]?.lengthBytes]).toEqual([
    1,
    "truncated",
    8192,
  ]);
});

test("bad input is one line and 254", async () => {
  const missing = join(directory, "missing");
  const cases: [string[], string][] = [
    [[missing], `verify: no such file: ${missing}`],
    [[directory], `verify: ${directory} is a directory; name a file, a device or -`],
    [[good, "--pattern", "nonsense"], `verify: --pattern is ${GRAMMAR}, not nonsense`],
    [[good, "--pattern", `reference:${missing}`], `verify: --pattern: no such file: ${missing}`],
    [
      [good, "--pattern", "tagged", "--record-bytes", "99"],
      "verify: record length 99 is not a multiple of 8 from 64 to 16777216",
    ],
  ];
  for (const [args, line] of cases) {
    const { code, stdout, stderr } = await command("verify", args);
    expect({ code, stdout, stderr }).toEqual({ code: 254, stdout: "", stderr: `${line}\n` });
  }
  for (const args of [[good, "--expect-bytes", "many"], [], [good, good], [good, "--bogus"], [good, "--jobs", "0"]]) {
    const { code, stdout, stderr } = await command("verify", args);
    expect({ args, code, stdout, lines: stderr.split("\n").length }).toEqual({ args, code: 254, stdout: "", lines: 2 });
  }
});

test.skipIf(process.getuid?.() === 0 && needed("setpriv"))("an unreadable file is one line and 254", async () => {
  const path = join(directory, "secret");
  writeFileSync(path, "x");
  chmodSync(path, 0);
  chmodSync(directory, 0o755);
  // Root reads everything unless it gives up the capability.
  const wrap =
    process.getuid?.() === 0
      ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
      : [];
  const ran = await command("verify", [path], { wrap });
  expect([ran.code, ran.stderr]).toEqual([254, `verify: ${path} cannot be opened for reading: EACCES\n`]);
});

test("a file that changes or shrinks while it is read is inconclusive, never a crash", async () => {
  for (const [name, change] of [
    ["grows", (path: string) => appendFileSync(path, "x")],
    ["shrinks", (path: string) => truncateSync(path, 4096)],
    ["changes", (path: string) => void writeSync(openSync(path, "r+"), Buffer.alloc(8), 0, 8, 8)],
  ] as const) {
    const path = join(directory, name);
    const block = new Uint8Array(1 << 24);
    for (let at = 0; at < 2 ** 28; at += block.length) {
      counter().fill(block, at);
      appendFileSync(path, block);
    }
    const child = await stoppedInTheMiddle(path, 2 ** 28);
    change(path);
    child.kill("SIGCONT");
    const report = JSON.parse(await new Response(child.stdout).text());
    expect([name, await child.exited, report.verdict]).toEqual([name, 125, "inconclusive"]);
    expect(report.reason).toMatch(/shrank from|was changed while it was read/);
    rmSync(path);
  }
});

/** A verify.ts that has read some of the file, not all, and was stopped there. */
async function stoppedInTheMiddle(path: string, sizeBytes: number) {
  for (let tries = 0; tries < 20; tries += 1) {
    const child = Bun.spawn([process.execPath, "scripts/verify.ts", path, "--json", "--quiet"], {
      ...{ cwd: ROOT, stdout: "pipe", stderr: "pipe", timeout: 60_000, killSignal: "SIGKILL" },
    });
    // What Bun itself reads at its start is less than this.
    await until(
      "some of the file",
      () => child.exitCode !== null || (bytesReadBy(child.pid) ?? sizeBytes) > sizeBytes / 16,
    );
    child.kill("SIGSTOP");
    if ((bytesReadBy(child.pid) ?? sizeBytes) < sizeBytes) return child;
    child.kill("SIGKILL");
    await child.exited;
  }
  throw new Error("the file was always read before it could be changed");
}
