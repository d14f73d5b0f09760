/** Loop devices against losetup(8) and blockdev(8). */
import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { read, write } from "../../src/ops/file.ts";
import { attachLoop, detachLoop, loopImage } from "../../src/ops/loop.ts";
import { allocate, MiB } from "../../src/ops/memory.ts";
import { namelessFile } from "../../src/ops/mount.ts";
import { sync, truncate } from "../../src/ops/space.ts";
import { LO_FLAGS_READ_ONLY } from "../../src/sys/uapi/mount.ts";
import { needed } from "../needed.ts";

function losetup(path: string, column: string): string {
  return Bun.spawnSync(["losetup", "-n", "-O", column, path]).stdout.toString().trim();
}

describe.skipIf(needed("root", "losetup"))("loop devices", () => {
  test("size, block size and flags are losetup's; bytes written to the device are in the image", () => {
    using image = namelessFile(tmpdir());
    truncate(image, { lengthBytes: 8 * MiB });
    const { path, device } = attachLoop(image, { blockBytes: 4096 });
    using held = device;
    expect([losetup(path, "LOG-SEC"), losetup(path, "AUTOCLEAR"), losetup(path, "RO")]).toEqual(["4096", "1", "0"]);
    expect(Bun.spawnSync(["blockdev", "--getsize64", path]).stdout.toString().trim()).toBe(String(8 * MiB));
    using buffer = allocate(4096);
    buffer.bytes.fill(0x5a);
    write(held, buffer, { offsetBytes: 4096 });
    sync(held);
    buffer.bytes.fill(0);
    read(image, buffer, { offsetBytes: 4096 });
    expect(buffer.bytes.every((byte) => byte === 0x5a)).toBe(true);
  });

  test("an image of one's own is gone with its device", async () => {
    const image = loopImage({ capacityBytes: 4 * MiB, directory: tmpdir(), flags: LO_FLAGS_READ_ONLY });
    expect(losetup(image.path, "RO")).toBe("1");
    expect(losetup(image.path, "BACK-FILE")).toContain("(deleted)");
    detachLoop(image.device);
    image[Symbol.dispose]();
    const deadlineMs = performance.now() + 10_000;
    while (losetup(image.path, "BACK-FILE").includes(tmpdir()) && performance.now() < deadlineMs) await Bun.sleep(20);
    expect(losetup(image.path, "BACK-FILE")).not.toContain(tmpdir());
  });
});
