/** A report into a pipe that takes little at a time: all of it arrives, though each write may be refused with EAGAIN. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setNonblocking } from "../../src/ops/fd.ts";
import { read } from "../../src/ops/file.ts";
import { allocate, MiB, PAGE_BYTES } from "../../src/ops/memory.ts";
import { openPipe } from "../../src/ops/pipe.ts";
import { counter } from "../../src/pattern/counter.ts";

const SCRIPT = resolve(import.meta.dir, "../../scripts/verify.ts");

test("a report that is many times as long as a pipe that does not block arrives whole, and so does its exit code", async () => {
  const directory = mkdtempSync(join(tmpdir(), "streams-"));
  try {
    const bytes = new Uint8Array(new ArrayBuffer(MiB));
    counter().fill(bytes, 0);
    for (let at = 1; at < MiB; at += 8 * 1001) bytes[at] = (bytes[at] as number) ^ 0x55;
    const path = join(directory, "bad");
    writeFileSync(path, bytes);
    using pipe = openPipe({ capacityBytes: PAGE_BYTES });
    const words = [process.execPath, SCRIPT, path, "--expect-bytes", String(MiB), "--json", "--quiet"];
    const child = Bun.spawn(words, { stdin: "ignore", stdout: pipe.writeEnd.number, stderr: "inherit" });
    // Bun.spawn takes the flag off; the two processes share it.
    setNonblocking(pipe.writeEnd, true);
    pipe.writeEnd.close();
    using memory = allocate(1000);
    let text = "";
    // Reading blocks, so that the pipe is full most of the time.
    for (let got = read(pipe.readEnd, memory); got > 0; got = read(pipe.readEnd, memory)) {
      text += Buffer.from(memory.bytes.subarray(0, got)).toString("latin1");
    }
    expect(text.length).toBeGreaterThan(16 * PAGE_BYTES);
    expect(JSON.parse(text)).toMatchObject({ verdict: "corrupt", totals: { bytesVerified: MiB } });
    expect(await child.exited).toBe(1);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 120_000);
