/** Damage that storage people meet, on 1 MiB of counter: each shape as bytes. Every one was reported wrongly by 0.1.0. */
import { counter } from "../../src/pattern/counter.ts";

export const PAGE = 4096;
export const SIZE = 1 << 20;

const GOOD = new Uint8Array(SIZE);
counter().fill(GOOD, 0);

const page = (at: number) => GOOD.slice(at, at + PAGE);

function edited(edit: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = GOOD.slice();
  edit(bytes);
  return bytes;
}

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

function reorderedWithALoss(): Uint8Array {
  const size = 65536;
  const block = (k: number) => GOOD.subarray(k * size, (k + 1) * size);
  return join(
    GOOD.subarray(0, 2 * size),
    ...[block(5), block(4).subarray(0, size - PAGE), block(3), block(2)],
    GOOD.subarray(6 * size),
  );
}

export const SHAPES = {
  laterPage: edited((bytes) => bytes.set(page(0x70000), 0x30000)),
  earlierPage: edited((bytes) => bytes.set(page(0x30000), 0x70000)),
  swappedPages: edited((bytes) => {
    bytes.set(page(0x60000), 0x20000);
    bytes.set(page(0x20000), 0x60000);
  }),
  misdirectedWrite: edited((bytes) => {
    bytes.set(page(0x30000), 0x70000);
    bytes.fill(0, 0x30000, 0x31000);
  }),
  blockPutFirst: join(GOOD.subarray(0x20000, 0x24000), GOOD.subarray(0, 0x20000), GOOD.subarray(0x24000)),
  stuckBit: edited((bytes) => {
    for (let at = 0x30000; at < 0x40000; at += 8) bytes[at] = (bytes[at] as number) | 0x40;
  }),
  byteSwapped: edited((bytes) => {
    for (let at = 0x30000; at < 0x32000; at += 8) bytes.subarray(at, at + 8).reverse();
  }),
  reorderedWithALoss: reorderedWithALoss(),
  zerosPushedIn: join(GOOD.subarray(0, 0x40008), new Uint8Array(PAGE), GOOD.subarray(0x40008)),
  flipsEveryCacheLine: edited((bytes) => {
    for (let at = 3; at < SIZE; at += 64) bytes[at] = (bytes[at] as number) ^ 0x10;
  }),
  poisonPage: edited((bytes) => bytes.fill(0x6b, 0x21000, 0x22000)),
  everySecondPage: edited((bytes) => {
    for (let at = 2 * PAGE; at < SIZE; at += 2 * PAGE) bytes.set(page(at - PAGE), at);
  }),
} as const;
