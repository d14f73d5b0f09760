/** Verbs whose effect another source must confirm: /proc, getsockopt, the programs of the system. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as missing from "../../src/machine/missing.ts";
import { openFile, writeAll } from "../../src/ops/file.ts";
import { syncAll } from "../../src/ops/filesystem.ts";
import { allocate, MiB } from "../../src/ops/memory.ts";
import { connectedPair, receive, send, shutdownSocket } from "../../src/ops/socket.ts";
import { getOption } from "../../src/ops/socket-option.ts";
import { filesystemOf } from "../../src/ops/stat.ts";
import { startThreads } from "../../src/ops/thread/race.ts";
import { loadsTls, startTls, testKeys, tryExpectNoPadding } from "../../src/ops/tls.ts";
import { seal } from "../../src/ops/tls-record.ts";
import { loadsFilesystem } from "../../src/place/filesystem.ts";
import { O_CREAT, O_EXCL, O_WRONLY, SHUT_WR, SOL_TLS, TLS_RX_EXPECT_NO_PAD } from "../../src/uapi.ts";
import { needed } from "../needed.ts";
import { IN_PRIVATE } from "../private.ts";
import { until } from "../until.ts";
import { childValue } from "./child.ts";

const TIMEOUT = 60_000;
const LOOPBACK = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
const content = (path: string) => readFileSync(path, "utf8").trim();

const counterOf = (path: string, name: string) =>
  Number(new RegExp(`^${name}\\s+(\\d+)`, "m").exec(readFileSync(path, "utf8"))?.[1] ?? Number.NaN);

const onDisk = !["tmpfs", "ramfs", "overlayfs"].includes(filesystemOf(tmpdir()).type);

test.skipIf(!onDisk)(
  "syncAll writes the dirty pages of every file: the kernel counts them as written",
  () => {
    const path = join(tmpdir(), `sync-all-${process.pid}`);
    using buffer = allocate(4 * MiB);
    const before = counterOf("/proc/vmstat", "nr_written");
    using file = openFile(path, { flags: O_WRONLY | O_CREAT | O_EXCL });
    writeAll(file, buffer);
    syncAll();
    expect(counterOf("/proc/vmstat", "nr_written") - before).toBeGreaterThanOrEqual((4 * MiB) / 4096);
    rmSync(path);
  },
  TIMEOUT,
);

test(
  "startThreads: so many tasks of this process in /proc, and none of them after dispose",
  async () => {
    const threads = await startThreads(3);
    const tids = threads.list.map(({ tid }) => String(tid));
    expect(readdirSync("/proc/self/task")).toEqual(expect.arrayContaining(tids));
    expect(new Set(tids).size).toBe(3);
    threads[Symbol.dispose]();
    await until("the threads to end", () => !readdirSync("/proc/self/task").some((name) => tids.includes(name)));
  },
  TIMEOUT,
);

describe("what asking for something would load", () => {
  test("TLS: the kernel's own list of upper-layer protocols", () => {
    const listed = Bun.spawnSync([
      "sh",
      "-c",
      "cat /proc/sys/net/ipv4/tcp_available_ulp 2>/dev/null",
    ]).stdout.toString();
    const words = listed.split(/\s+/).filter(Boolean);
    expect(loadsTls() === undefined).toBe(listed === "" || words.includes("tls"));
  });

  test("a file system: /proc/filesystems", () => {
    const listed = content("/proc/filesystems").split(/\s+/);
    for (const type of ["proc", "tmpfs", "ext4", "exfat", "udf", "no-such-type"])
      expect([type, loadsFilesystem(type) === undefined]).toEqual([type, listed.includes(type)]);
  });
});

describe.skipIf(missing.tls() !== undefined)("tryExpectNoPadding", () => {
  test("getsockopt returns it, and the kernel counts a padded record as a violation", () => {
    using pair = connectedPair(LOOPBACK);
    const keys = testKeys({ version: "1.3" });
    startTls(pair.server, { direction: "receive", keys });
    expect(tryExpectNoPadding(pair.server)).toBe(0);
    expect(getOption(pair.server, { level: SOL_TLS, option: TLS_RX_EXPECT_NO_PAD })).toBe(1);
    const data = Buffer.from("the very bytes");
    const before = counterOf("/proc/net/tls_stat", "TlsRxNoPadViolation");
    const record = seal(keys, { sequence: 0, data, paddingBytes: 40 });
    using wire = allocate(record.length);
    wire.bytes.set(record);
    send(pair.client, wire);
    shutdownSocket(pair.client, { how: SHUT_WR });
    using back = allocate(256);
    // What the bytes are after the second decryption is ktls-no-pad-retry.ts's question.
    expect(receive(pair.server, back)).toBe(data.length);
    expect(counterOf("/proc/net/tls_stat", "TlsRxNoPadViolation")).toBeGreaterThan(before);
  });
});

test("what is missing is one line, and nothing is missing that the system has", () => {
  for (const [name, probe] of Object.entries(missing)) {
    const line = probe("tmpfs");
    expect([name, line === undefined || /^[^\n]{10,}$/.test(line)]).toEqual([name, true]);
  }
  const root = process.geteuid?.() === 0;
  const has = (path: string) => Bun.spawnSync(["test", "-e", path]).exitCode === 0;
  expect(missing.ksm() === undefined).toBe(root && has("/sys/kernel/mm/ksm/run"));
  const huge = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages";
  expect(missing.hugePages() === undefined).toBe(root && has(huge));
  expect(missing.filesystem("tmpfs") === undefined).toBe(root);
  if (!has("/proc/swaps")) expect(missing.swap()).toContain("no swap");
});

test.skipIf(needed("root", "findmnt"))(
  "mount and unmount: findmnt sees the file system, then not any more",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "mounted-"));
    const value = await childValue("mounted.ts", [directory], { prefix: IN_PRIVATE });
    expect(value).toEqual({ before: "", mounted: `${directory} tmpfs 1M`, after: "" });
    rmdirSync(directory);
  },
  TIMEOUT,
);

test.skipIf(needed("root") || missing.groupReclaim() !== undefined)(
  "reclaimableGroup: /proc has this process in it, memory.reclaim takes pages, and the group is gone afterwards",
  async () => {
    const value = (await childValue("reclaimable.ts")) as Record<string, unknown>;
    expect(value).toMatchObject({ inside: true, left: true, gone: true });
    expect(value.reclaimed === 0 || value.reclaimed === -11).toBe(true);
  },
  TIMEOUT,
);

test.skipIf(needed("root"))(
  "swapReadahead: vm.page-cluster is what was asked for, and restored",
  async () => {
    const value = (await childValue("readahead.ts", ["6"])) as Record<string, unknown>;
    expect(value.during).toBe("6");
    expect(value.after).toBe(value.before);
  },
  TIMEOUT,
);
