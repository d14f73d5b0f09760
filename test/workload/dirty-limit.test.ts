/** Dirty limits against the real sysfs: set, restored, and restored after a run that was killed. */
import { expect, test } from "bun:test";
import os from "node:os";
import { limitDirty } from "../../src/workload/dirty-limit.ts";
import { needed } from "../needed.ts";

const SETTINGS = ["max_ratio_fine", "strict_limit"];

test.skipIf(needed("root", "mkfs.xfs", "dirty limits per device"))(
  "a limit is set on its own XFS's device and gone after dispose",
  () => {
    const script = `
    import { scratchXfs } from "${import.meta.dir}/../../src/ops/filesystem.ts";
    import { MiB } from "${import.meta.dir}/../../src/ops/memory.ts";
    import { statPath } from "${import.meta.dir}/../../src/ops/stat.ts";
    import { limitDirty } from "${import.meta.dir}/../../src/workload/dirty-limit.ts";
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

/** What two runs on one device see, one inside the other; `plan` is fixtures/dirty-limits.ts's. */
async function overlapping(plan: string): Promise<Record<string, string[]>> {
  const fixture = `${import.meta.dir}/fixtures/dirty-limits.ts`;
  const child = Bun.spawn([process.execPath, fixture, plan], { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text());
}

test.skipIf(needed("root", "mkfs.xfs", "dirty limits per device"))(
  "overlapping runs with one limit: the first one out changes nothing, the last one restores",
  async () => {
    const { before, both, one, after, lines } = await overlapping("same");
    expect(lines?.[0]).toStartWith("limited");
    expect(lines?.[1]).toStartWith("limited");
    expect([both, one]).toEqual([both, both]);
    expect(both?.[1]).toBe("1");
    expect(after).toEqual(before);
  },
);

test.skipIf(needed("root", "mkfs.xfs", "dirty limits per device"))(
  "overlapping runs with two limits: the second waits, and the first's limit holds until its end",
  async () => {
    const { before, both, one, after, lines } = await overlapping("other");
    expect(lines?.[1]).toContain("waiting: another run holds dirty limit of device");
    expect(both?.[1]).toBe("1");
    expect([one?.[1], one?.[0] === both?.[0]]).toEqual(["1", false]);
    expect(after).toEqual(before);
  },
);

test.skipIf(needed("root", "mkfs.xfs", "dirty limits per device"))(
  "a killed run's limit is restored by its guard",
  async () => {
    const { before, both, after } = await overlapping("killed");
    expect(both?.[1]).toBe("1");
    expect(after).toEqual(before);
  },
);

test("a path whose device has no limit of its own is named", () => {
  expect(() => limitDirty("/proc", { bytes: 4096 })).toThrow("no dirty limit per device");
});
