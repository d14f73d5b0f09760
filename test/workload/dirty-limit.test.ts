/** Dirty limits against the real sysfs: set, restored, and restored after a run that was killed. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import { limitDirty, restoreStaleDirtyLimits } from "../../src/workload/dirty-limit.ts";
import { needed } from "../needed.ts";

const SETTINGS = ["max_ratio_fine", "strict_limit"];

test.skipIf(needed("root", "mkfs.xfs", "dirty limits per device"))(
  "a limit is set on its own XFS's device and gone after dispose",
  () => {
    const script = `
    import { limitDirty, MiB, scratchXfs, statPath } from "${import.meta.dir}/../../src/index.ts";
    import { readFileSync } from "node:fs";
    using xfs = scratchXfs({ capacityBytes: 512 * MiB, imageDirectory: "${os.tmpdir()}" });
    const bdi = "/sys/class/bdi/" + statPath(xfs.path).device;
    const read = () => ${JSON.stringify(SETTINGS)}.map((name) => readFileSync(bdi + "/" + name, "utf8").trim());
    const before = read();
    const limit = limitDirty(xfs.path, { bytes: 8 * MiB });
    const during = read();
    limit[Symbol.dispose]();
    console.log(JSON.stringify({ before, during, after: read(), description: limit.description }));
  `;
    const child = Bun.spawnSync([process.execPath, "-e", script], { timeout: 20_000 });
    const { before, during, after, description } = JSON.parse(child.stdout.toString());
    expect(description).toBe("at most 8 MiB of dirty pages for this device (its bdi's max_bytes, strict)");
    expect(during[1]).toBe("1");
    expect(during).not.toEqual(before);
    expect(after).toEqual(before);
  },
);

test.skipIf(needed("root"))(
  "what a killed run left is restored by the next start; a living run's and another boot's is not",
  () => {
    // Any file can stand for a setting: a note names paths and values.
    const directory = mkdtempSync(`${os.tmpdir()}/dirty-limit-`);
    const setting = `${directory}/strict_limit`;
    const dead = Bun.spawnSync(["true"]).pid;
    const note = (name: string, boot: string, pid: number) => {
      const path = `/run/bytewitness-dirty-limit-test-${process.pid}-${name}`;
      writeFileSync(path, JSON.stringify({ boot, pid, before: [{ path: setting, value: "0" }] }));
      return path;
    };
    const mine = () => restoreStaleDirtyLimits().filter((line) => line.includes(setting));
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    writeFileSync(setting, "1");
    const alive = note("alive", boot, process.pid);
    const other = note("other-boot", "another", dead);
    expect(mine()).toEqual([]);
    expect(readFileSync(setting, "utf8")).toBe("1");
    expect([existsSync(alive), existsSync(other)]).toEqual([true, false]);
    unlinkSync(alive);
    const left = note("dead", boot, dead);
    expect(mine()).toEqual([`restored the dirty limit that run ${dead} left (${setting})`]);
    expect(readFileSync(setting, "utf8")).toBe("0");
    expect(existsSync(left)).toBe(false);
    rmSync(directory, { recursive: true });
  },
);

test("a path whose device has no limit of its own says so", () => {
  expect(() => limitDirty("/proc", { bytes: 4096 })).toThrow("no dirty limit per device");
});
