/** The kernel inside a bzImage, from images made by hand. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { extractVmlinux, hasPvhEntry, unpackLz4 } from "../../../src/lab/kernels/vmlinux.ts";
import { needed } from "../../needed.ts";
import { temporaryDirectory } from "../temporary.ts";

/** A 64-bit ELF file with one PT_NOTE segment, and something to compress behind it. */
function makeKernel(noteType: number): Buffer<ArrayBuffer> {
  const note = Buffer.alloc(12 + 4 + 4);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(4, 4);
  note.writeUInt32LE(noteType, 8);
  note.write("Xen\0", 12);
  const elf = Buffer.alloc(64 + 56 + note.length);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeBigUInt64LE(64n, 0x20);
  elf.writeUInt16LE(56, 0x36);
  elf.writeUInt16LE(1, 0x38);
  elf.writeUInt32LE(4, 64);
  elf.writeBigUInt64LE(120n, 64 + 8);
  elf.writeBigUInt64LE(BigInt(note.length), 64 + 32);
  note.copy(elf, 120);
  const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index) >> (index % 13)));
  return Buffer.concat([elf, Buffer.alloc(70_000, "abcab"), body]);
}

function makeImage(payload: Uint8Array): Buffer {
  const setup = Buffer.alloc(3 * 512);
  setup[0x1f1] = 2;
  setup.write("HdrS", 0x202);
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt32LE(100, 0x248);
  setup.writeUInt32LE(payload.length + 4, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(100, 0x90), payload, Buffer.from([1, 2, 3, 4]), Buffer.alloc(50)]);
}

const KERNEL = makeKernel(18);

/** One sequence of an LZ4 block: literals, then (but for the last one) a match. */
function sequence(literals: Uint8Array, distance?: number, matchBytes = 4): Buffer {
  const rest = (value: number) => {
    if (value < 15) return [];
    const left = value - 15;
    return [...Array<number>(Math.floor(left / 255)).fill(255), left % 255];
  };
  const match = matchBytes - 4;
  const token = (Math.min(literals.length, 15) << 4) | (distance === undefined ? 0 : Math.min(match, 15));
  const tail = distance === undefined ? [] : [distance & 255, distance >> 8, ...rest(match)];
  return Buffer.concat([Buffer.from([token, ...rest(literals.length)]), literals, Buffer.from(tail)]);
}

/** By the program, which is a second opinion on the format. */
function packed(program: string[], content: Uint8Array): Uint8Array {
  using directory = temporaryDirectory();
  writeFileSync(join(directory.path, "in"), content);
  return Bun.spawnSync([...program, join(directory.path, "in")], { stdout: "pipe" }).stdout;
}

describe("extractVmlinux", () => {
  test("zstd and gzip", async () => {
    expect(Buffer.from((await extractVmlinux(makeImage(await Bun.zstdCompress(KERNEL)))) ?? [])).toEqual(KERNEL);
    expect(Buffer.from((await extractVmlinux(makeImage(Bun.gzipSync(KERNEL)))) ?? [])).toEqual(KERNEL);
  });

  test.skipIf(needed("xz"))(
    "xz",
    async () => {
      const payload = packed(["xz", "--check=crc32", "-c"], KERNEL);
      expect(Buffer.from((await extractVmlinux(makeImage(payload))) ?? [])).toEqual(KERNEL);
    },
    60_000,
  );

  test("lz4 in its legacy frame, several blocks of it", async () => {
    // The kernel as literals, then a run that its own match makes, then a match from far behind; and once more.
    const block = (content: Buffer) => {
      const parts = [
        sequence(content, 5, 70_000),
        sequence(Buffer.from("x"), content.length - 64, 19),
        sequence(KERNEL),
      ];
      const bytes = Buffer.concat(parts);
      const size = Buffer.alloc(4);
      size.writeUInt32LE(bytes.length);
      return Buffer.concat([size, bytes]);
    };
    const content = KERNEL.subarray(0, 60_000);
    const run = Buffer.alloc(70_000);
    for (let index = 0; index < run.length; index++) {
      run[index] = index < 5 ? (content[content.length - 5 + index] ?? 0) : (run[index - 5] ?? 0);
    }
    const soFar = Buffer.concat([content, run, Buffer.from("x")]);
    const from = soFar.length - (content.length - 64);
    const whole = Buffer.concat([soFar, soFar.subarray(from, from + 19), KERNEL]);
    const payload = Buffer.concat([Buffer.from([0x02, 0x21, 0x4c, 0x18]), block(content), block(content)]);
    expect(Buffer.from(unpackLz4(payload)).equals(Buffer.concat([whole, whole]))).toBe(true);
    expect(Buffer.from((await extractVmlinux(makeImage(payload))) ?? []).equals(Buffer.concat([whole, whole]))).toBe(
      true,
    );
  });

  test("what cannot boot this way is left alone", async () => {
    expect(await extractVmlinux(makeImage(await Bun.zstdCompress(makeKernel(5))))).toBeUndefined();
    const image = makeImage(await Bun.zstdCompress(KERNEL));
    image.fill(0xee, 3 * 512 + 120, 3 * 512 + 400);
    expect(await extractVmlinux(image)).toBeUndefined();
    for (const image of [Buffer.alloc(0), Buffer.alloc(5000), makeImage(Buffer.from("unknown")), KERNEL]) {
      expect(await extractVmlinux(image)).toBeUndefined();
    }
    expect([hasPvhEntry(KERNEL), hasPvhEntry(KERNEL.subarray(0, 100)), hasPvhEntry(Buffer.alloc(10))]).toEqual([
      ...[true, false, false],
    ]);
  });
});
