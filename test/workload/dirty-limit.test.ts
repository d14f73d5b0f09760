/** Dirty limits against the real sysfs: set, restored, and restored after a run that was killed. */
import { expect, test } from "bun:test";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import { limitDirty, restoreStaleDirtyLimits } from "../../src/workload/dirty-limit.ts";
import { needed } from "../needed.ts";

const SETTINGS = ["max_ratio_fine", "strict_limit"];

/** A loop device that nobody uses: its settings can be changed without slowing anybody. */
const DEVICE = "/sys/class/bdi/7:7";
const read = () => SETTINGS.map((name) => readFileSync(`${DEVICE}/${name}`, "utf8").trim());

test("a limit is set on its own XFS's device and gone after dispose", () => {
  if (needed("root", "mkfs.xfs")) return;
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
});

test("what a killed run left is restored by the next start; a living run's and another boot's is not", () => {
  if (needed("root")) return;
  const before = read();
  const dead = Bun.spawnSync(["true"]).pid;
  const note = (name: string, boot: string, pid: number) => {
    const settings = SETTINGS.map((setting, index) => ({ path: `${DEVICE}/${setting}`, value: before[index] }));
    const path = `/run/bytewitness-dirty-limit-test-${name}`;
    writeFileSync(path, JSON.stringify({ boot, pid, before: settings.reverse() }));
    return path;
  };
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  writeFileSync(`${DEVICE}/strict_limit`, "1");
  const alive = note("alive", boot, process.pid);
  note("other-boot", "another", dead);
  expect(restoreStaleDirtyLimits()).toEqual([]);
  expect(read()[1]).toBe("1");
  unlinkSync(alive);
  note("dead", boot, dead);
  expect(restoreStaleDirtyLimits().length).toBe(1);
  expect(read()).toEqual(before);
});

test("a path whose device has no limit of its own says so", () => {
  expect(() => limitDirty("/proc", { bytes: 4096 })).toThrow("no dirty limit per device");
});
