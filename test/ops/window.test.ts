/** A window shows what read(2) reads, refuses what it cannot show, and leaves nothing mapped. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openFile, readAt, writeAt } from "../../src/ops/file.ts";
import { allocate, MiB } from "../../src/ops/memory.ts";
import { dropCache, sync, truncate } from "../../src/ops/space.ts";
import { FileWindow } from "../../src/ops/window.ts";
import { O_RDWR, O_TMPFILE, O_WRONLY } from "../../src/sys/uapi/fcntl.ts";

test.each(["/dev/shm", "/tmp"])("the bytes are those of read(2), cached or not (%s)", (directory) => {
  const window = new FileWindow(MiB);
  using file = openFile(directory, O_TMPFILE | O_RDWR, 0o600);
  using data = allocate(2 * MiB + 777);
  const words = data.words;
  for (let i = 0; i < words.length; i++) words[i] = i * 2654435761;
  writeAt(file, data, 0);
  using back = allocate(MiB);
  for (const round of [0, 1]) {
    for (const [offsetBytes, lengthBytes] of [
      [0, MiB],
      [MiB, MiB],
      [2 * MiB, 777],
      [4096, 1],
    ] as const) {
      const bytes = window.show(file, { offsetBytes, lengthBytes });
      readAt(file, back, offsetBytes, { lengthBytes });
      expect(Buffer.compare(bytes ?? Buffer.alloc(0), back.bytes.subarray(0, lengthBytes))).toBe(0);
    }
    if (round === 0) {
      sync(file);
      dropCache(file);
    }
  }
  // What is written shows at once: it is the page cache itself.
  const live = window.show(file, { offsetBytes: 0, lengthBytes: 4096 });
  data.bytes[5] = 0x99;
  writeAt(file, data, 0, { lengthBytes: 4096 });
  expect(live?.[5]).toBe(0x99);
  window.hide();
  expect(live?.[5]).toBe(0);
  expect(readFileSync("/proc/self/maps", "utf8")).not.toContain(`${directory}/#`);
});

test("beyond the end is an error, not a SIGBUS; what is no range is refused", () => {
  const window = new FileWindow(MiB);
  using file = openFile("/tmp", O_TMPFILE | O_RDWR, 0o600);
  truncate(file, 4096);
  expect(() => window.show(file, { offsetBytes: 0, lengthBytes: 3 * 4096 })).toThrow("EFAULT");
  expect(() => window.show(file, { offsetBytes: 1, lengthBytes: 1 })).toThrow("EINVAL");
  for (const lengthBytes of [0, -1, MiB + 1, 0.5, Number.NaN]) {
    expect(() => window.show(file, { offsetBytes: 0, lengthBytes })).toThrow(RangeError);
  }
  using writeOnly = openFile("/dev/null", O_WRONLY);
  expect(() => window.show(writeOnly, { offsetBytes: 0, lengthBytes: 1 })).toThrow("EACCES");
  using device = openFile("/dev/urandom", 0);
  expect(window.show(device, { offsetBytes: 0, lengthBytes: 4096 })).toBeUndefined();
  window.hide();
});
