/** Console lines as kernels printed them, and what each shows about the kernel's health. */
import { describe, expect, test } from "bun:test";
import { type ConsoleEventKind, ConsoleReader, cleanLine, recognise } from "../../../src/lab/guest/console.ts";

/** Lines as kernels 5.10 to 7.2 printed them. */
const CAPTURED: [string, ConsoleEventKind | undefined][] = [
  ["[    9.826717] Kernel panic - not syncing: sysrq triggered crash", "panic"],
  ["[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "panic"],
  ["[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008", "bug"],
  ["[   12.345679][  T112] BUG: KASAN: use-after-free in iomap_iter+0x1/0x2", "bug"],
  ["[   12.4] kernel BUG at fs/iomap/buffered-io.c:123!", "bug"],
  ["[   12.5] Oops: 0002 [#1] PREEMPT SMP NOPTI", "oops"],
  ["[   12.6] general protection fault, probably for non-canonical address 0xdead: 0000 [#1]", "oops"],
  ["[   40.1] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [bun:112]", "stall"],
  ["[  240.1] INFO: task bun:112 blocked for more than 120 seconds.", "stall"],
  ["[   60.0] rcu: INFO: rcu_preempt self-detected stall on CPU", "stall"],
  ["[   20.0] Memory cgroup out of memory: Killed process 112 (bun) total-vm:1kB", "oom"],
  ["[   21.0] WARNING: CPU: 0 PID: 1 at fs/xfs/xfs_message.c:112 asswarn+0x1/0x2 [xfs]", "warning"],
  ["lab: no virtio ports: this kernel lacks virtio_pci", "lab"],
  ["[    0.000000] Linux version 6.1.0-47-cloud-amd64 (debian-kernel@lists.debian.org)", undefined],
  ["[    5.615872] reboot: Restarting system", undefined],
  ["DEBUG: nothing", undefined],
];

test.each(CAPTURED)("%s", (line, expected) => {
  expect(recognise(line)?.kind).toBe(expected as ConsoleEventKind);
});

test("control sequences of firmware and shells are dropped", () => {
  expect(cleanLine("\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS\r")).toBe("SeaBIOS");
});

describe("ConsoleReader", () => {
  const encode = (text: string) => new TextEncoder().encode(text);

  test("joins lines over chunk borders, keeps the last ones and every event", () => {
    const reader = new ConsoleReader({ keepLines: 2 });
    expect(reader.push(encode("one\ntwo\n[ 1.0] BUG: "))).toEqual(["one", "two"]);
    reader.push(encode("trouble\r\n\nlast without an end"));
    reader.end();
    expect(reader.tail).toEqual(["[ 1.0] BUG: trouble", "last without an end"]);
    expect(reader.events).toEqual([{ kind: "bug", line: "[ 1.0] BUG: trouble" }]);
  });

  test("splits of multi-byte characters survive", () => {
    const reader = new ConsoleReader();
    const bytes = encode("grüße\n");
    reader.push(bytes.subarray(0, 3));
    expect(reader.push(bytes.subarray(3))).toEqual(["grüße"]);
  });
});
