/** fill.ts as a person runs it: files, pipes, devices; what it must not write to; going on where it ended. */
import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loopImage } from "../../src/ops/loop.ts";
import { MiB } from "../../src/ops/memory.ts";
import { counter } from "../../src/pattern/counter.ts";
import { needed } from "../needed.ts";
import { command, ROOT } from "./command.ts";

const SLOW_MS = 120_000;
const directory = mkdtempSync(join(tmpdir(), "bytewitness-fill-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function bash(line: string) {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", BUN: process.execPath, DIR: directory },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1) ?? "";
/** The printed command, with this runtime for the word "bun". */
const paste = (line: string) => bash(line.replace(/^bun /, `"$BUN" `));

test.each([
  [[]],
  [["--write", "fsync", "--block", "4097"]],
  [["--write", "direct"]],
  [["--generation", "77"]],
  [["--pattern", "tagged", "--record-bytes", "128", "--writer", "9", "--generation", "3"]],
  [["--pattern", "prng:7"]],
  [["--pattern", "byte:0xdead"]],
  [["--pattern", "counter:width=32,order=be,unit=sectors,start=0x100"]],
])(
  "a file filled with %j is clean by the command that is printed last",
  async (extra) => {
    const path = join(directory, `a file's ${extra.join(" ").replaceAll("/", "")}`);
    const ran = await command("fill", [path, "--bytes", "3000001", "--quiet", ...extra]);
    expect([ran.code, ran.stderr, statSync(path).size]).toEqual([0, "", 3000001]);
    const verified = await paste(lastLine(ran.stdout));
    expect([verified.code, verified.stdout.startsWith("CLEAN"), verified.stdout.includes("not checked")]).toEqual([
      0,
      true,
      false,
    ]);
    // One wrong bit is found.
    const bytes = readFileSync(path);
    bytes[1_000_000] = (bytes[1_000_000] as number) ^ 8;
    writeFileSync(path, bytes);
    expect((await paste(lastLine(ran.stdout))).code).toBe(1);
  },
  SLOW_MS,
);

test(
  "through a pipe: data on stdout, everything else on stderr",
  async () => {
    const line = `"$BUN" run fill.ts - --bytes 64MiB 2>"$DIR/stderr" | "$BUN" run verify.ts - --expect-bytes 64MiB --json --quiet`;
    const { code, stdout } = await bash(line);
    expect([code, JSON.parse(stdout).totals.bytesVerified]).toEqual([0, 64 * MiB]);
    expect(lastLine(readFileSync(join(directory, "stderr"), "utf8"))).toBe(
      "bun run verify.ts - --expect-bytes 67108864",
    );
  },
  SLOW_MS,
);

test(
  "a reader that leaves is one line and 125",
  async () => {
    const { stderr, stdout } = await bash(
      `"$BUN" scripts/fill.ts - --bytes 1GiB | head -c 5 >/dev/null; echo "\${PIPESTATUS[0]}"`,
    );
    expect(stdout).toBe("125\n");
    expect(stderr).toMatch(/^fill: write\(standard output\): EPIPE .*of 1,073,741,824 bytes\n$/);
  },
  SLOW_MS,
);

test(
  "an existing file is never written to; --resume goes on where it ends, if it is right",
  async () => {
    const path = join(directory, "half");
    const wanted = new Uint8Array(3 * MiB + 5);
    counter({ generation: 4 }).fill(wanted, 0);
    for (const [extra, half] of [
      [[], 1_234_567],
      [["--write", "direct"], 2 * MiB + 9],
      [[], 0],
    ] as const) {
      writeFileSync(path, wanted.subarray(0, half));
      const refused = await command("fill", [path, "--bytes", "3145733", "--generation", "4"]);
      expect([refused.code, refused.stderr]).toEqual([
        254,
        `fill: ${path} exists; name a new file, or go on where it ends with --resume\n`,
      ]);
      expect(statSync(path).size).toBe(half);
      const resumed = await command("fill", [path, "--bytes", "3145733", "--generation", "4", "--resume", ...extra]);
      expect(resumed.code).toBe(0);
      expect(Buffer.compare(readFileSync(path), wanted)).toBe(0);
    }
    wanted[70_000] = (wanted[70_000] as number) ^ 1;
    writeFileSync(path, wanted.subarray(0, MiB));
    const wrong = await command("fill", [path, "--bytes", "3145733", "--generation", "4", "--resume"]);
    expect([wrong.code, wrong.stderr]).toEqual([
      254,
      `fill: ${path} is not as it should be from 70,000 on; verify.ts explains it\n`,
    ]);
    expect(statSync(path).size).toBe(MiB);
    const longer = await command("fill", [path, "--bytes", "4096", "--resume"]);
    expect([longer.code, longer.stderr]).toEqual([
      254,
      `fill: ${path} has 1,048,576 bytes already, more than --bytes 4096\n`,
    ]);
  },
  SLOW_MS,
);

test(
  "what cannot be filled is one line and 254",
  async () => {
    const dangling = join(directory, "dangling");
    symlinkSync(join(directory, "nowhere"), dangling);
    for (const args of [
      [directory, "--bytes", "1"],
      ["/dev/null", "--bytes", "1"],
      [join(directory, "no/such"), "--bytes", "1"],
      [dangling, "--bytes", "1"],
      [join(directory, "n".repeat(300)), "--bytes", "1"],
      [join(directory, "new")],
      [join(directory, "new"), "--bytes", "0"],
      [join(directory, "new"), "--bytes", "1", "--pattern", "reference:/etc/passwd"],
      [join(directory, "new"), "--bytes", "1", "--pattern", "byte:999"],
      [join(directory, "new"), "--bytes", "1", "--write", "direct", "--block", "1000"],
      [join(directory, "new"), "--bytes", "1", "--resume"],
    ]) {
      const { code, stdout, stderr } = await command("fill", args);
      expect({ args, code, stdout, lines: stderr.split("\n").length }).toEqual({
        args,
        code: 254,
        stdout: "",
        lines: 2,
      });
    }
    expect(() => statSync(join(directory, "new"))).toThrow();
  },
  SLOW_MS,
);

test.skipIf(needed("root", "losetup", "mkfs.ext4"))(
  "devices: only what nothing uses and holds nothing, all of it, also with O_DIRECT",
  async () => {
    using image = loopImage({ capacityBytes: 32 * MiB, directory });
    const device = image.path;
    // Nothing there, so it is filled; then something is there.
    const first = await command("fill", [device, "--write", "direct"]);
    expect([first.code, lastLine(first.stdout)]).toEqual([0, `bun run verify.ts ${device} --expect-bytes 33554432`]);
    expect((await paste(lastLine(first.stdout))).code).toBe(0);
    const full = await command("fill", [device, "--generation", "2"]);
    expect([full.code, full.stderr]).toEqual([
      254,
      `fill: ${device} is not empty: it holds something at 8; to lose that, add --overwrite-device, to go on with it, --resume\n`,
    ]);
    expect((await command("fill", [device, "--generation", "2", "--overwrite-device"])).code).toBe(0);
    expect((await command("verify", [device, "--generation", "2", "--expect-bytes", "32MiB"])).code).toBe(0);
    const large = await command("fill", [device, "--bytes", "33MiB", "--overwrite-device"]);
    expect([large.code, large.stderr]).toEqual([
      254,
      `fill: ${device} has 33,554,432 bytes, fewer than --bytes 34603008\n`,
    ]);

    // Only the beginning: what is behind it is not too much.
    const part = await command("fill", [device, "--bytes", "1000001", "--generation", "2", "--overwrite-device"]);
    expect(lastLine(part.stdout)).toBe(`bun run verify.ts ${device} --generation 2 --length 1000001`);
    const pasted = await paste(lastLine(part.stdout));
    expect([pasted.code, pasted.stdout]).toEqual([0, expect.stringContaining("(1,000,001 bytes)")]);

    // Half of it is right and the rest empty: it goes on. Something behind the right half: it does not.
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${device}`, "bs=1M", "count=20", "seek=12", "conv=fsync"], {
      stderr: "ignore",
    });
    const resumed = await command("fill", [device, "--generation", "2", "--resume"]);
    expect(resumed.code).toBe(0);
    expect((await command("verify", [device, "--generation", "2", "--expect-bytes", "32MiB"])).code).toBe(0);
    const other = await command("fill", [device, "--generation", "3", "--resume"]);
    expect([other.code, other.stderr.split("\n").length]).toEqual([254, 2]);

    Bun.spawnSync(["blockdev", "--setro", device]);
    const readOnly = await command("fill", [device, "--overwrite-device"]);
    Bun.spawnSync(["blockdev", "--setrw", device]);
    expect([readOnly.code, readOnly.stderr]).toEqual([254, `fill: ${device} is read-only\n`]);

    // A mounted device is never written to, whatever is asked for.
    expect(Bun.spawnSync(["mkfs.ext4", "-qF", device]).exitCode).toBe(0);
    const mountPoint = mkdtempSync(join(directory, "mount-"));
    expect(Bun.spawnSync(["mount", device, mountPoint]).exitCode).toBe(0);
    try {
      for (const extra of [[], ["--overwrite-device"], ["--resume"]]) {
        const used = await command("fill", [device, ...extra]);
        expect([used.code, used.stderr]).toEqual([
          254,
          `fill: ${device} is in use (mounted, swap, or part of another device)\n`,
        ]);
      }
    } finally {
      Bun.spawnSync(["umount", mountPoint]);
    }
  },
  SLOW_MS,
);

test(
  "through a FIFO: who has read it verifies the bytes with the printed command, and the FIFO is not waited for",
  async () => {
    const { code, stdout } = await bash(
      `mkfifo "$DIR/fifo"; cat "$DIR/fifo" >"$DIR/carried" & "$BUN" scripts/fill.ts "$DIR/fifo" --bytes 100001 --quiet; wait`,
    );
    expect([code, stdout.split("\n")[0]]).toEqual([
      0,
      expect.stringMatching(/^97\.7 KiB \(100,001 bytes\) written to /),
    ]);
    expect(lastLine(stdout)).toBe("bun run verify.ts - --expect-bytes 100001");
    expect((await bash(`cat "$DIR/carried" | ${lastLine(stdout).replace(/^bun /, '"$BUN" ')}`)).code).toBe(0);
  },
  SLOW_MS,
);

test(
  "standard output under another name carries the data and nothing else",
  async () => {
    const { stdout, stderr } = await bash(`"$BUN" scripts/fill.ts /dev/stdout --bytes 1 | od -An -tx1`);
    expect([stdout, stderr]).toEqual([
      " 00\n",
      expect.stringMatching(/^1 byte written to \/dev\/stdout .*\nbun .*--expect-bytes 1\n$/),
    ]);
  },
  SLOW_MS,
);

test(
  "a signal is one line on how to go on, and 128 + its number",
  async () => {
    const path = join(directory, "stopped");
    const child = Bun.spawn([process.execPath, "scripts/fill.ts", path, "--bytes", "64GiB", "--block", "4096"], {
      ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    });
    while (!existsSync(path) || statSync(path).size === 0) await Bun.sleep(5);
    child.kill("SIGTERM");
    const stderr = await new Response(child.stderr).text();
    expect([await child.exited, stderr]).toEqual([
      143,
      expect.stringMatching(
        /^fill: stopped by SIGTERM, after [\d,]+ of 68,719,476,736 bytes; what is there stays: bun .* --block 4096 --resume\n$/,
      ),
    ]);
    const size = statSync(path).size;
    const again = lastLine(stderr)
      .replace(/.*stays: /, "")
      .replace("68719476736", String(size + 5));
    expect((await paste(again)).code).toBe(0);
    expect(statSync(path).size).toBe(size + 5);
    rmSync(path);
  },
  SLOW_MS,
);

test(
  "a full file system is one line on how to go on",
  async () => {
    const path = join(directory, "limited");
    const { stderr, stdout } = await bash(
      `ulimit -f 100; "$BUN" scripts/fill.ts "${path}" --bytes 1MiB --write fsync --block 4096; echo $?`,
    );
    expect(stdout).toBe("125\n");
    expect(stderr).toContain("EFBIG");
    const again = /: (bun run fill\.ts .*)\), |: (bun run fill\.ts [^\n]*--resume)/.exec(stderr);
    expect(stderr).toContain(" --write fsync --block 4096 --resume\n");
    const resumed = await paste(again?.[2] ?? again?.[1] ?? "false");
    expect(resumed.code).toBe(0);
    truncateSync(path, MiB);
    expect((await paste(lastLine(resumed.stdout))).code).toBe(0);
  },
  SLOW_MS,
);
