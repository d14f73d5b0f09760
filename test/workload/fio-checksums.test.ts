/** fio's checksums against known values and, for what it stores as sha256, against the state of a real hash. */
import { expect, test } from "bun:test";
import { fioChecksum } from "../../src/workload/scan/fio-checksums.ts";

const hex = (name: string, payload: Uint8Array) => {
  const sum = fioChecksum(name, payload);
  return sum === undefined ? undefined : Buffer.from(sum).toString("hex");
};
const CHECK = new TextEncoder().encode("123456789");

test("the CRCs' check values", () => {
  // CRC-7/MMC, CRC-16/ARC and CRC-32C (before its inversion) are of the catalogue of parametrised CRC algorithms.
  expect(hex("crc7", CHECK)).toBe("75");
  expect(hex("crc16", CHECK)).toBe("3dbb");
  expect(hex("crc32c", CHECK)).toBe("7c6df91c");
});

test("a CRC is linear: equal changes of two payloads change their checksums equally", () => {
  const change = (bytes: Uint8Array) => {
    const changed = bytes.slice();
    changed[100] = (changed[100] as number) ^ 0x10;
    return changed;
  };
  const [a, b] = [1, 2].map((seed) => Uint8Array.from({ length: 3992 }, (_, i) => (i * seed * 37 + (i >> 3)) & 0xff));
  for (const name of ["crc7", "crc16", "crc32", "crc32c", "crc64"]) {
    const difference = (bytes: Uint8Array) => {
      const [one, other] = [fioChecksum(name, bytes), fioChecksum(name, change(bytes))];
      return one?.map((byte, i) => byte ^ (other?.[i] as number));
    };
    expect([name, difference(a as Uint8Array)]).toEqual([name, difference(b as Uint8Array)]);
    expect(difference(a as Uint8Array)?.some((byte) => byte !== 0)).toBe(true);
  }
});

test("sha256 is the padded last block, its length in the machine's byte order; sha512 of less than a block has no value", () => {
  // The padded last block whose first eight bytes are the lowest of the state's words.
  const payload = Uint8Array.from({ length: 120 }, (_, i) => i);
  const stored = fioChecksum("sha256", payload) as Uint8Array;
  expect(stored.length).toBe(64);
  expect([...stored.subarray(8, 56)]).toEqual(new Array(48).fill(0));
  expect(new DataView(stored.buffer).getBigUint64(56, true)).toBe(960n);
  expect(fioChecksum("sha512", new Uint8Array(100))).toBeUndefined();
  expect(fioChecksum("meta", payload)).toBeUndefined();
});
