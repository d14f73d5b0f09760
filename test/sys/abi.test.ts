/** Every constant, size and offset that crosses to the kernel, against the C compiler's answer. */
import { expect, test } from "bun:test";
import { ERRNO } from "../../src/sys/errno.ts";
import { SYS } from "../../src/sys/thread.ts";
import * as fcntl from "../../src/sys/uapi/fcntl.ts";
import * as io_uring from "../../src/sys/uapi/io_uring.ts";
import type { Layout } from "../../src/sys/uapi/layout.ts";
import * as mman from "../../src/sys/uapi/mman.ts";
import * as mount from "../../src/sys/uapi/mount.ts";
import * as sched from "../../src/sys/uapi/sched.ts";
import * as socket from "../../src/sys/uapi/socket.ts";
import { needed } from "../needed.ts";

/** System call numbers, as <sys/syscall.h> names them. */
const numbers = Object.fromEntries(Object.entries(SYS).map(([name, value]) => [`SYS_${name}`, value]));
const MODULES = { ERRNO, numbers, fcntl, io_uring, mman, mount, sched, socket };

/** The lines asked of the compiler, and our answers. */
function questions(): { lines: string[]; answers: Record<string, number> } {
  const lines: string[] = [];
  const answers: Record<string, number> = {};
  for (const module of Object.values(MODULES)) {
    for (const [name, value] of Object.entries(module) as [string, number | Layout][]) {
      if (typeof value === "number") {
        lines.push(`CONSTANT(${name})`);
        answers[name] = value;
        continue;
      }
      lines.push(`SIZE(${value.type})`);
      answers[`sizeof(${value.type})`] = value.sizeBytes;
      for (const [field, offset] of Object.entries(value.offsets)) {
        lines.push(`OFFSET(${value.type}, ${field})`);
        answers[`${value.type}.${field}`] = offset;
      }
    }
  }
  return { lines, answers };
}

test.skipIf(needed("gcc", "liburing-dev"))("constants, sizes and offsets are the C compiler's", async () => {
  const { lines, answers } = questions();
  expect(lines.length).toBeGreaterThan(250);
  const prelude = await Bun.file(new URL("../../c/proof/abi.c", import.meta.url)).text();
  const program = `/tmp/bytewitness-abi-${process.pid}`;
  const source = `${prelude}${lines.join("\n")}\nreturn 0;\n}\n`;
  const compiled = Bun.spawnSync(["gcc", "-x", "c", "-w", "-", "-o", program], { stdin: Buffer.from(source) });
  expect(compiled.stderr.toString()).toBe("");
  try {
    const printed = Bun.spawnSync([program]).stdout.toString();
    const found = Object.fromEntries(
      printed
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
    );
    // The kernel defines these as unsigned 32-bit values; C prints some of them as negative ints.
    for (const [name, value] of Object.entries(found))
      if (value < 0 && (answers[name] ?? 0) > 0) found[name] = value >>> 0;
    expect(found).toEqual(answers);
  } finally {
    await Bun.file(program).delete();
  }
});
