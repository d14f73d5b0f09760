/** verify.ts on what is not a plain file: devices, pipes, sockets, links, streams without an end; and on odd places in files. */
import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { counter } from "../../src/pattern/counter.ts";
import { needed } from "../needed.ts";
import { noise } from "../noise.ts";
import { command, ROOT, reportOf } from "./command.ts";

const SLOW_MS = 60_000;
const directory = mkdtempSync(join(tmpdir(), "bytewitness-inputs-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function countedFile(name: string, length: number, change?: (bytes: Uint8Array) => void): string {
  const path = join(directory, name);
  const bytes = new Uint8Array(length);
  counter().fill(bytes, 0);
  change?.(bytes);
  writeFileSync(path, bytes);
  return path;
}

const good = countedFile("good", 1 << 20);
const shape = (findings: readonly { kind: string; offsetBytes: number; lengthBytes: number }[]) =>
  findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes]);

/** Runs a line of bash, as a person types it. */
async function bash(line: string) {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", BUN: process.execPath, GOOD: good, DIR: directory },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

test(
  "a length that was not checked is ran, one that was is not",
  async () => {
    const unchecked = reportOf(await command("verify", [good, "--json", "--quiet"]));
    expect([unchecked.verdict, unchecked.reason]).toEqual([
      "clean",
      "the length was not checked: give it with --expect-bytes",
    ]);
    expect(unchecked.workload.lengthChecked).toBe(false);
    expect((await command("verify", [good])).stdout).toContain("the length was not checked");
    for (const extra of [
      ["--expect-bytes", "1MiB"],
      ["--pattern", `reference:${good}`],
    ]) {
      const checked = reportOf(await command("verify", [good, ...extra, "--json", "--quiet"]));
      expect([checked.verdict, checked.reason, checked.workload.lengthChecked]).toEqual(["clean", undefined, true]);
    }
  },
  SLOW_MS,
);

test(
  "offsets are taken as reports print them; one beyond the end is one line and 254",
  async () => {
    const hex = reportOf(
      await command("verify", [good, "--offset", "0x20000", "--length", "0x100", "--json", "--quiet"]),
    );
    expect([hex.verdict, hex.segments]).toEqual([
      "clean",
      [{ offsetBytes: 0x20000, lengthBytes: 256, kind: "intact" }],
    ]);
    for (const line of [
      `"$BUN" scripts/verify.ts "$GOOD" --offset 2MiB`,
      `cat "$GOOD" | "$BUN" scripts/verify.ts - --offset 2MiB`,
    ]) {
      const { code, stdout, stderr } = await bash(line);
      expect({ code, stdout, lines: stderr.split("\n").length }).toEqual({ code: 254, stdout: "", lines: 2 });
      expect(stderr).toContain("--offset 2097152 is beyond the end of");
    }
    expect((await command("verify", [good, "--offset", "1MiB"])).code).toBe(125);
  },
  SLOW_MS,
);

test(
  "paths that cannot be read are one line and 254",
  async () => {
    const loop = join(directory, "loop");
    symlinkSync(loop, loop);
    const closed = join(directory, "closed");
    mkdirSync(closed, { mode: 0 });
    const socketPath = join(directory, "socket");
    const socket = Bun.listen({ unix: socketPath, socket: { data() {} } });
    try {
      for (const path of [loop, join(directory, "n".repeat(300)), join(good, "below"), socketPath, "/dev/zero"]) {
        for (const args of [[path], [good, "--pattern", `reference:${path}`]]) {
          const { code, stdout, stderr } = await command("verify", args);
          expect({ path, code, stdout, lines: stderr.split("\n").length }).toEqual({
            path,
            code: 254,
            stdout: "",
            lines: 2,
          });
        }
      }
    } finally {
      socket.stop();
      chmodSync(closed, 0o700);
    }
  },
  SLOW_MS,
);

test(
  "a device without an end is judged as far as --length asks for",
  async () => {
    const { code, stdout } = await command("verify", ["/dev/zero", "--pattern", "zero", "--length", "3MiB", "--json"]);
    expect([code, JSON.parse(stdout).totals.bytesVerified]).toEqual([0, 3 << 20]);
  },
  SLOW_MS,
);

test(
  "a file of 2^40 zeros that were never written takes a moment",
  async () => {
    const path = countedFile("sparse", 1 << 20);
    truncateSync(path, 2 ** 40);
    const { findings } = reportOf(await command("verify", [path, "--json", "--quiet"]));
    expect(shape(findings)).toEqual([["zeroed", 1 << 20, 2 ** 40 - (1 << 20)]]);
    const zeros = join(directory, "zeros");
    writeFileSync(zeros, "");
    truncateSync(zeros, 2 ** 40);
    for (const jobs of ["1", "2"]) {
      const ran = reportOf(await command("verify", [zeros, "--pattern", "zero", "--jobs", jobs, "--json", "--quiet"]));
      expect([ran.verdict, ran.totals.bytesVerified]).toEqual(["clean", 2 ** 40]);
    }
  },
  SLOW_MS,
);

test(
  "references: process substitutions and FIFOs, also through `bun run`, and standard input",
  async () => {
    for (const line of [
      `"$BUN" scripts/verify.ts "$GOOD" --pattern reference:<(cat "$GOOD")`,
      `"$BUN" run verify.ts "$GOOD" --pattern reference:<(cat "$GOOD")`,
      `"$BUN" run verify.ts <(cat "$GOOD") --pattern reference:<(cat "$GOOD") --jobs 2`,
      `cat "$GOOD" | "$BUN" scripts/verify.ts "$GOOD" --pattern reference:-`,
      `mkfifo "$DIR/fifo"; cat "$GOOD" >"$DIR/fifo" & "$BUN" scripts/verify.ts "$GOOD" --pattern "reference:$DIR/fifo" --jobs 2`,
    ]) {
      const { code, stderr, stdout } = await bash(line);
      expect({ line, code, stderr, clean: stdout.startsWith("CLEAN") }).toEqual({
        line,
        code: 0,
        stderr: "",
        clean: true,
      });
    }
    const both = await bash(`"$BUN" scripts/verify.ts - --pattern reference:-`);
    expect([both.code, both.stderr]).toEqual([
      254,
      "verify: standard input cannot be both the file and the reference\n",
    ]);
  },
  SLOW_MS,
);

test(
  "a reference whose name is not UTF-8",
  async () => {
    const { code, stdout } = await bash(
      `name="$DIR/$(printf 'r\\377f')"; cp "$GOOD" "$name"; "$BUN" scripts/verify.ts "$GOOD" --pattern "reference:$name"`,
    );
    expect([code, stdout.startsWith("CLEAN")]).toEqual([0, true]);
  },
  SLOW_MS,
);

test(
  "a stream from the middle of a file begins at its reader's position",
  async () => {
    const { code, stdout } = await bash(
      `(head -c 4096 >/dev/null; "$BUN" scripts/verify.ts - --json --quiet) <"$GOOD"`,
    );
    const { findings } = JSON.parse(stdout);
    expect([code, findings[0]?.kind]).toEqual([1, "lost"]);
  },
  SLOW_MS,
);

test.skipIf(needed("root", "losetup"))(
  "a block device is judged in order, as a file with the same bytes is",
  async () => {
    const image = countedFile("image", 4 << 20, (bytes) => bytes.fill(0, 0x30000, 0x31000));
    const device = Bun.spawnSync(["losetup", "--find", "--show", "--read-only", image]).stdout.toString().trim();
    try {
      for (const jobs of ["1", "2"]) {
        const ran = await command("verify", [device, "--jobs", jobs, "--expect-bytes", "4MiB", "--json", "--quiet"]);
        expect([ran.code, shape(reportOf(ran).findings)]).toEqual([1, [["zeroed", 0x30000, 4096]]]);
      }
    } finally {
      Bun.spawnSync(["losetup", "--detach", device]);
    }
  },
  SLOW_MS,
);

test("of a reference beyond 8 GiB, foreign bytes are reported with the doubt that remains", async () => {
  const [original, copy] = [join(directory, "large"), join(directory, "large-copy")];
  const at = 2 ** 33 + 65536;
  for (const path of [original, copy]) {
    writeFileSync(path, "");
    truncateSync(path, 9 * 2 ** 30);
  }
  const fd = openSync(copy, "r+");
  writeSync(fd, noise(4096), 0, 4096, at);
  closeSync(fd);
  const window = ["--offset", String(2 ** 33), "--length", "1MiB", "--json", "--quiet"];
  const ran = await command("verify", [copy, "--pattern", `reference:${original}`, ...window]);
  const { findings, reason } = reportOf(ran);
  expect([ran.code, ...findings.map(({ kind }) => kind)]).toEqual([1, "foreign"]);
  expect(reason).toStartWith("foreign bytes may be the reference's own, from far away: it is larger than 8 GiB");
}, 60_000);

test(
  "of a reference that is mostly a hole, every byte is compared and every piece is found again",
  async () => {
    const [original, copy] = [join(directory, "mostly-hole"), join(directory, "mostly-hole-copy")];
    const [near, far] = [noise(65536, "near"), noise(65536, "far")];
    const [nearAt, farAt] = [4096 * 5, 2 ** 30 + 4096];
    for (const path of [original, copy]) {
      writeFileSync(path, "");
      truncateSync(path, 2 * 2 ** 30);
      const fd = openSync(path, "r+");
      writeSync(fd, near, 0, near.length, nearAt);
      writeSync(fd, far, 0, far.length, farAt);
      // A page of another place, and bytes that the copy does not have: they are a hole there.
      if (path === copy) writeSync(fd, far, 8192, 4096, nearAt + 16384);
      else writeSync(fd, near, 0, 4096, 2 ** 30 + 2 ** 29);
      closeSync(fd);
    }
    const ran = await command("verify", [copy, "--pattern", `reference:${original}`, "--json", "--quiet"]);
    const { findings, totals } = reportOf(ran);
    const found = findings.map(({ kind, offsetBytes, lengthBytes, originBytes }) => [
      ...[kind, offsetBytes, lengthBytes],
      ...(originBytes === undefined ? [] : [originBytes]),
    ]);
    expect([ran.code, totals.bytesVerified, found]).toEqual([
      ...[1, 2 * 2 ** 30],
      [
        ["misplaced", nearAt + 16384, 4096, farAt + 8192],
        ["zeroed", 2 ** 30 + 2 ** 29, 4096],
      ],
    ]);
  },
  SLOW_MS,
);

test(
  "files of /proc, which have no end that can be sought, are read like a stream",
  async () => {
    const copy = join(directory, "version");
    writeFileSync(copy, await Bun.file("/proc/version").text());
    const words = ["--pattern", `reference:${copy}`, "--json", "--quiet"];
    const report = reportOf(await command("verify", ["/proc/version", ...words]));
    expect([report.verdict, report.totals.bytesVerified]).toEqual(["clean", Bun.file(copy).size]);
  },
  SLOW_MS,
);
