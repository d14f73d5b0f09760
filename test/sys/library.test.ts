/** The raw room: names probed in order, memory seen right, addresses that move kept out. */
import { describe, expect, test } from "bun:test";
import { errno } from "../../src/sys/errno.ts";
import { LIBC_SYMBOLS, libc, libcName } from "../../src/sys/libc.ts";
import { openLibrary } from "../../src/sys/library.ts";
import { liburing } from "../../src/sys/liburing.ts";
import { addressOf, arrayBufferAt } from "../../src/sys/memory.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../../src/sys/uapi/mman.ts";

describe("openLibrary", () => {
  test("takes the first name that exists and has every symbol", () => {
    const found = openLibrary(["libnowhere.so.9", libcName()], { getpid: [[], "i32"] });
    if (found.name === undefined) throw new Error(found.reason);
    expect([found.name, found.symbols.getpid()]).toEqual([libcName(), process.pid]);
  });

  test("lists the error of each attempt", () => {
    const found = openLibrary(["libnowhere.so.9", libcName()], { no_such_function: [[], "i32"] });
    expect(found.name).toBeUndefined();
    const reason = found.name === undefined ? found.reason : "";
    expect(reason).toContain("libnowhere.so.9");
    expect(reason).toContain('Symbol "no_such_function" not found');
  });

  test("a function of libc is bound at its first use, once, and errno stays as it was", async () => {
    const script = `
      const { libc } = await import("./src/sys/libc.ts");
      const { errno } = await import("./src/sys/errno.ts");
      const before = Object.keys(libc);
      const failed = libc.close(-1);
      libc.getppid;
      libc.dup3;
      const number = errno();
      console.log(JSON.stringify([before, failed, number, Object.keys(libc), libc.dup3 === libc.dup3]));`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", cwd: `${import.meta.dir}/../..` });
    expect(JSON.parse(await child.stdout.text())).toEqual([
      [],
      -1,
      9,
      ["close", "getppid", "dup3", "__errno_location"],
      true,
    ]);
  });

  test("every function in the table of libc exists", () => {
    const names = Object.keys(LIBC_SYMBOLS) as (keyof typeof LIBC_SYMBOLS)[];
    expect(names.length).toBeGreaterThan(90);
    expect(names.filter((name) => typeof libc[name] !== "function")).toEqual([]);
  });

  test("liburing is opened once", () => {
    expect(liburing()).toBe(liburing());
  });
});

describe("64-bit values cross exactly", () => {
  const memory = libc.mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  test("MAP_FAILED is -1 and a mapping is an exact positive number", () => {
    expect(memory).toBeGreaterThan(4096);
    expect(Number.isSafeInteger(memory)).toBe(true);
    expect(libc.mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)).toBe(-1);
    expect(errno()).toBe(22);
  });

  test("two views of one address are the same bytes; an address goes there and back", () => {
    const first = new Uint8Array(arrayBufferAt(memory, 8192));
    const second = new DataView(arrayBufferAt(memory + 4096, 4096));
    first[4096] = 0x78;
    expect(second.getUint8(0)).toBe(0x78);
    expect(addressOf(first)).toBe(memory);
    expect(addressOf(first.subarray(4096))).toBe(memory + 4096);
    expect(addressOf(new Uint8Array(0))).toBe(0);
  });

  test("offsets of lseek beyond 2^32 and -1 come back as they went", () => {
    using _ = { [Symbol.dispose]: () => libc.close(fd) };
    const name = new Uint8Array(arrayBufferAt(memory, 16));
    name.set(Buffer.from("bytewitness\0"));
    const fd = libc.memfd_create(memory, 1);
    for (const offset of [0, 2 ** 31, 2 ** 32 + 8, 2 ** 40 + 1, 2 ** 53 - 1])
      expect(libc.lseek(fd, offset, 0)).toBe(offset);
    expect(libc.lseek(fd, -1, 0)).toBe(-1);
    expect(errno()).toBe(22);
    expect(libc.lseek(fd, -7, 1)).toBe(2 ** 53 - 8);
  });
});
