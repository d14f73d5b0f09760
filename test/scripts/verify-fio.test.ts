/** verify.ts --pattern fio: files that a real fio wrote, damaged in many ways, and the verdict on each. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needed } from "../needed.ts";
import { noise } from "../noise.ts";
import { command, reportOf } from "./command.ts";

const SLOW_MS = 120_000;
const MIB = Number(process.env.FIO_MIB ?? 8);
const SIZE = MIB << 20;
const PAGE = 4096;
const skipped = needed("fio");
const directory = mkdtempSync(join(tmpdir(), "bytewitness-fio-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function fio(name: string, ...extra: string[]): string {
  const path = join(directory, name);
  const common = ["--name=job", "--rw=randwrite", "--ioengine=psync", "--bs=4k", `--size=${SIZE}`, "--do_verify=0"];
  const ran = Bun.spawnSync(["fio", ...common, `--filename=${path}`, ...extra], { cwd: directory, stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`fio: ${ran.stderr}${ran.stdout}`);
  return path;
}

async function judged(path: string) {
  const ended = await command(
    "verify",
    [path, "--pattern", "fio", "--expect-bytes", String(SIZE), "--json", "--quiet"],
    { timeoutMs: SLOW_MS },
  );
  return { ...reportOf(ended), code: ended.code };
}

describe.skipIf(skipped)("what fio wrote is clean", () => {
  for (const verify of [
    "crc32c",
    "crc32",
    "crc64",
    "crc16",
    "crc7",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "sha3-256",
    "xxhash",
    "meta",
  ]) {
    test(
      verify,
      async () => {
        const { code, totals } = await judged(fio(`clean-${verify}`, `--verify=${verify}`));
        expect([code, totals.bytesVerified]).toEqual([0, SIZE]);
      },
      SLOW_MS,
    );
  }
  test(
    "with several headers in a block, and with a pattern behind the headers",
    async () => {
      expect((await judged(fio("interval", "--verify=crc32c", "--bs=64k", "--verify_interval=4k"))).code).toBe(0);
      // With several sizes fio writes a header for each piece of the smallest.
      expect((await judged(fio("sizes", "--verify=crc32c", "--bsrange=4k-32k"))).code).toBe(0);
      expect((await judged(fio("pattern", "--verify=md5", "--verify_pattern=0xdeadbeef"))).code).toBe(0);
    },
    SLOW_MS,
  );
});

test.skipIf(skipped)(
  "of a block whose header is gone, a payload that is the same everywhere is right where it is right",
  async () => {
    const path = fio("half", "--verify=md5", "--verify_pattern=0xdeadbeef");
    const bytes = readFileSync(path);
    bytes.fill(0, 0x7fe00, 0x80e00);
    bytes[0x20000] = 0;
    bytes.fill(1, 0x20010, 0x20030);
    writeFileSync(path, bytes);
    const { code, findings } = await judged(path);
    expect([code, ...findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])]).toEqual([
      1,
      ["foreign", 0x20000, 48],
      ["zeroed", 0x7fe00, 4096],
    ]);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "of a block whose header alone is gone, the payload shows what it is",
  async () => {
    const path = fio("headless", "--verify=crc32c");
    const bytes = readFileSync(path);
    bytes.set(noise(44), 0x20000);
    writeFileSync(path, bytes);
    const { code, findings } = await judged(path);
    expect(findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])).toEqual([
      ["foreign", 0x20000, 44],
    ]);
    expect([code, findings[0]?.detail]).toEqual([1, expect.stringMatching(/^a damaged header \(some of its bytes/)]);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "a payload that nothing can be compared with is reported as not checked, and not counted as verified",
  async () => {
    // Neither what fio's generator makes nor a checksum: only the headers can be checked.
    const path = fio("unknown", "--verify=meta", "--buffer_compress_percentage=50");
    const { code, verdict, reason, workload, totals } = await judged(path);
    expect({ code, verdict, checked: workload.payloadChecked }).toEqual({ code: 0, verdict: "clean", checked: false });
    const headers = 40 * (SIZE / PAGE);
    expect(totals.bytesVerified).toBe(headers);
    const unchecked = (SIZE - headers).toLocaleString("en-US");
    expect(reason).toStartWith(`${unchecked} bytes of payload were not checked: verify=meta`);
    const checked = await judged(fio("known", "--verify=crc32c", "--buffer_compress_percentage=50"));
    expect(checked.workload.payloadChecked).toBe(true);
    expect([checked.reason, checked.totals.bytesVerified]).toEqual([undefined, SIZE]);
  },
  SLOW_MS,
);

/** Each kind of damage, and the findings: kind, offset, length, and what else is asked for. */
const AT = 0x30000;
const OTHER = 0x70000;
type Change = (bytes: Uint8Array, older: Uint8Array) => void;
const flip = (bytes: Uint8Array, at: number) => {
  bytes[at] = (bytes[at] as number) ^ 4;
};
const page = (bytes: Uint8Array, at: number) => bytes.slice(at, at + PAGE);
const DAMAGE: readonly (readonly [string, Change, readonly (readonly [string, number, number, number?])[]])[] = [
  ["a flipped bit in the payload", (b) => flip(b, AT + 999), [["bit-flipped", AT + 999, 1]]],
  ["a flipped bit in the header", (b) => flip(b, AT + 17), [["bit-flipped", AT + 17, 1]]],
  [
    "a flipped bit in what is behind the header: checksum, or payload",
    (b) => flip(b, AT + 40),
    [["bit-flipped", AT + 40, 1]],
  ],
  ["a page of zeros", (b) => void b.fill(0, AT, AT + PAGE), [["zeroed", AT, PAGE]]],
  ["a sector of zeros in a block", (b) => void b.fill(0, AT + 1024, AT + 1536), [["zeroed", AT + 1024, 512]]],
  ["a page of poison", (b) => void b.fill(0x6b, AT, AT + PAGE), [["filled", AT, PAGE]]],
  ["another page's data", (b) => b.set(page(b, OTHER), AT), [["misplaced", AT, PAGE, OTHER]]],
  [
    "two pages swapped",
    (b) => {
      const one = page(b, AT);
      b.set(page(b, OTHER), AT);
      b.set(one, OTHER);
    },
    [
      ["misplaced", AT, PAGE, OTHER],
      ["misplaced", OTHER, PAGE, AT],
    ],
  ],
  [
    "a misdirected write",
    (b) => {
      b.set(page(b, AT), OTHER);
      b.fill(0, AT, AT + PAGE);
    },
    [
      ["zeroed", AT, PAGE],
      ["misplaced", OTHER, PAGE, AT],
    ],
  ],
  [
    "a torn write: the second half is older",
    (b, older) => b.set(older.subarray(AT + 2048, AT + PAGE), AT + 2048),
    [["stale", AT + 2048, 2048]],
  ],
  [
    "half a page of another block",
    (b) => b.set(b.slice(OTHER + 2048, OTHER + PAGE), AT + 2048),
    [["misplaced", AT + 2048, 2048, OTHER + 2048]],
  ],
  [
    "words in reversed byte order",
    (b) => void Buffer.from(b.buffer, b.byteOffset + AT, PAGE).swap64(),
    [["byte-swapped", AT, PAGE]],
  ],
  [
    "data shifted by a sector for 64 KiB",
    (b) => {
      b.copyWithin(AT + 512, AT, AT + 65536 - 512);
      b.fill(0, AT, AT + 512);
    },
    [
      ["zeroed", AT, 512],
      ["misplaced", AT + 512, 65536 - 512, AT],
    ],
  ],
  ["noise", (b) => b.set(noise(PAGE), AT), [["foreign", AT, PAGE]]],
  [
    "a bit stuck in a block's payload",
    (b) => {
      for (let at = AT + 512; at < AT + PAGE; at += 8) b[at] = (b[at] as number) | 0x40;
    },
    [["bit-flipped", AT + 512, PAGE - 512]],
  ],
];

describe.skipIf(skipped).each(["crc32c", "md5", "xxhash", "meta", "sha256"])(
  "damage in what fio wrote with verify=%s",
  (verify) => {
    let good = new Uint8Array();
    let older = new Uint8Array();
    beforeAll(() => {
      if (skipped) return;
      older = new Uint8Array(
        readFileSync(fio("older", `--verify=${verify}`, "--randrepeat=0", "--allrandrepeat=0", "--randseed=77")),
      );
      good = new Uint8Array(readFileSync(fio("good", `--verify=${verify}`)));
    }, SLOW_MS);

    test.each(DAMAGE)(
      "%s",
      async (name, change, expected) => {
        const bytes = good.slice();
        change(bytes, older);
        const path = join(directory, "damaged");
        writeFileSync(path, bytes);
        const { code, findings, segments } = await judged(path);
        const found = findings.map(({ kind, offsetBytes, lengthBytes, originBytes }) => [
          kind,
          offsetBytes,
          lengthBytes,
          originBytes,
        ]);
        if (process.env.FIO_TABLE !== undefined)
          for (const { detail, kind } of findings) console.log(`| ${name} | ${kind} | ${detail} |`);
        if (name.startsWith("a bit stuck")) expect(found.map(([kind]) => kind)).toEqual(["bit-flipped"]);
        else
          expect(found as unknown[]).toEqual(expected.map(([kind, at, length, origin]) => [kind, at, length, origin]));
        expect(code).toBe(1);
        let end = 0;
        for (const segment of segments ?? []) {
          expect(segment.offsetBytes).toBe(end);
          end += segment.lengthBytes;
        }
        expect(end).toBe(SIZE);
      },
      SLOW_MS,
    );
  },
);

test.skipIf(skipped)(
  "the two halves of a swap name each other, and how far apart they were written",
  async () => {
    const bytes = new Uint8Array(readFileSync(fio("swap", "--verify=crc32c")));
    const one = page(bytes, AT);
    bytes.set(page(bytes, OTHER), AT);
    bytes.set(one, OTHER);
    writeFileSync(join(directory, "swapped"), bytes);
    const { findings } = await judged(join(directory, "swapped"));
    expect(findings.map(({ alsoAtBytes }) => alsoAtBytes)).toEqual([OTHER, AT]);
    expect(findings[0]?.detail).toMatch(
      /^the block at 196,608 holds the data of 458,752, written by operation [\d,]+, [\d.]+ s after the start; what belongs here is at 458,752, written [\d,]+ operations? (earlier|later)$/,
    );
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "what repeats is a group",
  async () => {
    const bytes = new Uint8Array(readFileSync(fio("repeats", "--verify=crc32c")));
    for (let at = AT; at < AT + 32 * PAGE; at += 2 * PAGE) bytes.set(page(bytes, at), at + PAGE);
    writeFileSync(join(directory, "repeating"), bytes);
    const { findings, groups } = await judged(join(directory, "repeating"));
    expect([findings.length, groups]).toMatchObject([
      16,
      [{ kind: "misplaced", count: 16, offsetBytes: AT + PAGE, lengthBytes: PAGE, strideBytes: 2 * PAGE }],
    ]);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "what cannot be known is refused in one sentence",
  async () => {
    const two = fio("two-jobs", "--verify=crc32c", "--numjobs=2", "--size=1m", "--offset_increment=1m");
    for (const [path, reason] of [
      [two, "several jobs of fio wrote it"],
      [join(import.meta.dir, "verify-fio.test.ts"), "no header of fio is in it"],
    ] as const) {
      const ended = await command("verify", [path, "--pattern", "fio", "--json", "--quiet"]);
      expect([ended.code, reportOf(ended).reason]).toEqual([125, expect.stringContaining(reason)]);
    }
    const stream = await command("verify", ["-", "--pattern", "fio"]);
    expect([stream.code, stream.stderr]).toEqual([
      254,
      "verify: --pattern fio needs a file or a block device, not a stream\n",
    ]);
  },
  SLOW_MS,
);
