/** What a report holds about the machine, compared with coreutils and /proc. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { environment } from "../../src/machine/environment.ts";

test("kernel, architecture, processors and memory are those of uname, nproc and /proc/meminfo", () => {
  const outputOf = (...words: string[]) => Bun.spawnSync(words).stdout.toString().trim();
  const kib = Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
  const { kernel, arch, cpus, memoryBytes, bun, privileged } = environment();
  expect({ kernel, arch, cpus, memoryBytes, bun, privileged }).toEqual({
    kernel: outputOf("uname", "-r"),
    arch: outputOf("uname", "-m"),
    cpus: Number(outputOf("nproc")),
    memoryBytes: kib * 1024,
    bun: Bun.version,
    privileged: outputOf("id", "-u") === "0",
  });
});

test("what the caller knows better is taken over", () => {
  expect(environment({ filesystem: "xfs", kernel: "1.2.3" })).toMatchObject({ filesystem: "xfs", kernel: "1.2.3" });
});
