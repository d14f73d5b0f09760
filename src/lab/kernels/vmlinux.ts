/**
 * The kernel inside a bzImage, for QEMU to start without a boot loader.
 *
 * An emulated guest spends one to three seconds on decompressing its own kernel; done here it is a tenth of a second, once.
 * The result boots through the PVH entry that Linux offers since v5.0 (CONFIG_PVH). Pure but for xz(1).
 * Refuses to guess: an image of another shape, another compression, or without that entry is booted as it is.
 */
import { findProgram } from "./cache.ts";

/** "HdrS" at 0x202; Documentation/arch/x86/boot.rst, fields setup_sects, payload_offset and payload_length (2.08+). */
function payloadOf(image: Uint8Array): Uint8Array | undefined {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (image.length < 0x250 || view.getUint32(0x202, true) !== 0x53726448 || view.getUint16(0x206, true) < 0x208)
    return undefined;
  const setupSectors = view.getUint8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + view.getUint32(0x248, true);
  const length = view.getUint32(0x24c, true);
  if (length < 16 || start + length > image.length) return undefined;
  // The last four bytes are the size of what is inside, put there by the kernel's own build (scripts/Makefile.lib).
  return image.subarray(start, start + length - 4);
}

const startsWith = (bytes: Uint8Array, magic: readonly number[]) => magic.every((byte, index) => bytes[index] === byte);

/** The ELF kernel of a bzImage, or undefined where it cannot be extracted this way. */
export async function extractVmlinux(image: Uint8Array): Promise<Uint8Array | undefined> {
  const payload = payloadOf(image);
  if (payload === undefined) return undefined;
  let kernel: Uint8Array | undefined;
  try {
    if (startsWith(payload, [0x28, 0xb5, 0x2f, 0xfd])) kernel = await Bun.zstdDecompress(payload);
    else if (startsWith(payload, [0x1f, 0x8b])) kernel = Bun.gunzipSync(new Uint8Array(payload));
    else if (startsWith(payload, [0x02, 0x21, 0x4c, 0x18])) kernel = unpackLz4(payload);
    else if (startsWith(payload, [0xfd, 0x37, 0x7a, 0x58, 0x5a])) kernel = await unpackXz(payload);
  } catch {
    return undefined;
  }
  return kernel !== undefined && hasPvhEntry(kernel) ? kernel : undefined;
}

async function unpackXz(bytes: Uint8Array): Promise<Uint8Array> {
  const command = [findProgram("xz", "xz-utils"), "-dc", "--single-stream"];
  const child = Bun.spawn(command, { stdin: bytes, stdout: "pipe", stderr: "ignore" });
  return new Uint8Array(await new Response(child.stdout).arrayBuffer());
}

const LZ4_BLOCK_BYTES = 8 << 20;

/**
 * The legacy frame of LZ4, as the kernel's build makes it (lz4 -l): blocks of at most 8 MiB, each with its packed size
 * before it. lz4's doc/lz4_Frame_format.md ("Legacy frame") and lz4_Block_format.md.
 */
export function unpackLz4(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  for (let at = 4; at + 4 <= bytes.length; ) {
    const packed = view.getUint32(at, true);
    const end = at + 4 + packed;
    if (packed === 0 || end > bytes.length) break;
    blocks.push(unpackLz4Block(bytes, at + 4, end));
    at = end;
  }
  return Buffer.concat(blocks);
}

function unpackLz4Block(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const out = new Uint8Array(LZ4_BLOCK_BYTES);
  let from = start;
  let to = 0;
  const more = (nibble: number) => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const byte = bytes[from++] ?? 0;
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (from < end) {
    const token = bytes[from++] ?? 0;
    const literals = more(token >> 4);
    if (from + literals > end || to + literals > out.length) throw new Error("LZ4 block is damaged");
    out.set(bytes.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from >= end) break;
    const distance = (bytes[from] ?? 0) | ((bytes[from + 1] ?? 0) << 8);
    from += 2;
    const length = more(token & 15) + 4;
    if (distance === 0 || distance > to || to + length > out.length) throw new Error("LZ4 block is damaged");
    // A match may overlap what it makes: then it repeats.
    if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
    else for (let index = 0; index < length; index++) out[to + index] = out[to + index - distance] ?? 0;
    to += length;
  }
  return out.subarray(0, to);
}

const PT_NOTE = 4;
/** XEN_ELFNOTE_PHYS32_ENTRY, include/xen/interface/elfnote.h. */
const PHYS32_ENTRY = 18;

/** True for a 64-bit ELF file with a "Xen" note of that type in a PT_NOTE segment. */
export function hasPvhEntry(elf: Uint8Array): boolean {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint8(4) !== 2) return false;
  const table = Number(view.getBigUint64(0x20, true));
  const entryBytes = view.getUint16(0x36, true);
  const count = view.getUint16(0x38, true);
  for (let index = 0; index < count; index++) {
    const header = table + index * entryBytes;
    if (header + 56 > elf.length) return false;
    if (view.getUint32(header, true) !== PT_NOTE) continue;
    const start = Number(view.getBigUint64(header + 8, true));
    const end = Math.min(start + Number(view.getBigUint64(header + 32, true)), elf.length);
    for (let at = start; at + 12 <= end; ) {
      const nameBytes = view.getUint32(at, true);
      const name = Buffer.from(elf.subarray(at + 12, at + 12 + Math.max(0, nameBytes - 1))).toString("latin1");
      if (name === "Xen" && view.getUint32(at + 8, true) === PHYS32_ENTRY) return true;
      at += 12 + ((nameBytes + 3) & ~3) + ((view.getUint32(at + 4, true) + 3) & ~3);
    }
  }
  return false;
}
