/** What a report collects about the machine: right, and nothing that is private. */
import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import os from "node:os";
import { blockDevice, conditions } from "../../src/machine/conditions.ts";
import { publicGroup, publicMountOptions } from "../../src/machine/environment.ts";

const ROOT = `${import.meta.dir}/../..`;

test("values are those of getconf, sysctl files and /proc", () => {
  const outputOf = (...words: string[]) => Bun.spawnSync(words).stdout.toString().trim();
  const found = conditions();
  expect(found.pageBytes).toBe(Number(outputOf("getconf", "PAGESIZE")));
  expect(found.kernelBuild).toBe(outputOf("uname", "-v"));
  expect(String(found["vm.dirty_ratio"])).toBe(readFileSync("/proc/sys/vm/dirty_ratio", "utf8").trim());
});

test("the queue is that of the file system's device, a partition's is its disk's, tmpfs has none", () => {
  const found = conditions("/");
  if (Math.floor(statSync("/").dev / 256) % 4096 !== 0)
    expect(found.queueLogicalBlockBytes).toBeGreaterThanOrEqual(512);
  expect(blockDevice({ major: 0, minor: 5 }).blockDevice).toBeUndefined();
});

test("the geometry is that of stat -f; a path that is gone has none", () => {
  const ran = Bun.spawnSync(["stat", "-f", "-c", "%S %b", "/"]).stdout.toString().split(" ").map(Number);
  const found = conditions("/");
  expect([found.fsBlockBytes, Number(found.fsBytes) / Number(found.fsBlockBytes)]).toEqual(ran);
  expect(conditions("/nonexistent/file").fsBlockBytes).toBeUndefined();
});

/** Every name that may be in a report's environment. A new one is added here on purpose, with a thought for privacy. */
const NAMES = [
  ...[
    "blockDevice",
    "cgroupMemoryHigh",
    "cgroupMemoryMax",
    "commandLine",
    "config",
    "cpuModel",
    "hugepages",
    "hypervisor",
  ],
  ...["fsBlockBytes", "fsBytes", "fsFreeBytes"],
  ...["kernel.io_uring_disabled", "kernelBuild", "ksmRun", "microcode", "net.ipv4.tcp_congestion_control", "pageBytes"],
  ...["queueLogicalBlockBytes", "queueMaxSectorsKb", "queueRotational", "queueScheduler", "queueWriteCache", "tainted"],
  ...[
    "transparentHugepage",
    "vm.dirty_background_bytes",
    "vm.dirty_background_ratio",
    "vm.dirty_bytes",
    "vm.dirty_ratio",
  ],
  "vm.swappiness",
];

test("nothing else is collected: no host or user name, no variable, no path of the user's", () => {
  const home = "/proc/home-of-somebody-4711"; // a place that Bun cannot make
  const script = `import { conditions } from "${ROOT}/src/machine/conditions.ts"; console.log(JSON.stringify(conditions("/tmp")))`;
  const environment = { ...process.env, HOME: home, USER: "somebody-4711", SECRET_TOKEN: "token-4711" };
  const child = Bun.spawnSync([process.execPath, "-e", script], { env: environment });
  const text = child.stdout.toString();
  for (const name of Object.keys(JSON.parse(text))) expect(NAMES).toContain(name);
  for (const secret of ["4711", `"${os.hostname()}"`]) expect(text).not.toContain(secret);
});

test.each([
  ["rw,relatime,inode64,noquota", "rw,relatime,inode64,noquota"],
  ["rw,lowerdir=/var/lib/a:/b,upperdir=/srv/x/u", "rw,lowerdir=…,upperdir=…"],
  ["rw,vers=4.2,addr=192.0.2.7,clientaddr=192.0.2.8", "rw,vers=4.2,addr=…,clientaddr=…"],
  ["rw,username=me,uid=1000", "rw,username=…,uid=1000"],
  ["size=1024k,mode=755", "size=1024k,mode=755"],
])("mount options %p", (given, shown) => {
  expect(publicMountOptions(given)).toBe(shown);
});

test.each([
  ["/", "/"],
  ["/bytewitness-7", "/bytewitness-7"],
  ["/user.slice/user-1000.slice/user@1000.service/app.slice", "/user.slice/…"],
  ["/docker/0f3c", "/docker/…"],
])("a memory group %p", (given, shown) => {
  expect(publicGroup(given)).toBe(shown);
});
