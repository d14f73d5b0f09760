/** Where the world is not as hoped: each error is one line on what failed, why, and what to do. */
import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ringHint } from "../../src/ops/ring/hints.ts";
import { ERRNO } from "../../src/sys/errno.ts";
import { liburing } from "../../src/sys/liburing.ts";
import { needed } from "../needed.ts";
import { IN_PRIVATE } from "../private.ts";
import { childValue } from "./child.ts";

interface Ran {
  name: string;
  call: string;
  code: string;
  message: string;
}

const ALLOW = "containers: allow io_uring_setup, io_uring_enter, io_uring_register";

test("the fixture opens a ring where nothing forbids it", async () => {
  expect(await childValue("ring-refused.ts")).toEqual({ entries: 8 });
});

test.each([
  [
    "ENOSYS",
    `io_uring_setup(8 entries): ENOSYS (function not implemented); this kernel has no io_uring, or a seccomp filter hides it (${ALLOW})`,
  ],
  [
    "EPERM",
    `io_uring_setup(8 entries): EPERM (operation not permitted); a seccomp filter or security module forbids io_uring (${ALLOW})`,
  ],
  [
    "ENOMEM",
    "io_uring_setup(8 entries): ENOMEM (out of memory); the locked-memory limit is too small for the rings: raise it with `ulimit -l`, or use fewer entries",
  ],
  ["EMFILE", "io_uring_setup(8 entries): EMFILE (too many open files); raise the limit with `ulimit -n`"],
] as const)("io_uring_setup refused with %s by seccomp", async (code, message) => {
  const ran = (await childValue("ring-refused.ts", [String(ERRNO[code])])) as Ran;
  expect(ran).toEqual({ name: "SyscallError", call: "io_uring_setup", code, message });
});

test("EPERM names the sysctl when that is the reason", () => {
  const withSysctl = (value: string | undefined) => ringHint(ERRNO.EPERM, () => value);
  expect(withSysctl("2")).toBe(
    "io_uring is disabled here (kernel.io_uring_disabled=2); as root: sysctl kernel.io_uring_disabled=0",
  );
  expect(withSysctl("1")).toContain("kernel.io_uring_disabled=1");
  expect(withSysctl("0")).toContain("seccomp");
  expect(withSysctl(undefined)).toContain("seccomp");
});

test("EMFILE in earnest: no descriptor left", async () => {
  const ran = (await childValue("ring-refused.ts", [], {
    prefix: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
    env: { BYTEWITNESS_FILL_FDS: "1" },
  })) as Ran;
  expect(ran.message).toBe("io_uring_setup(8 entries): EMFILE (too many open files); raise the limit with `ulimit -n`");
});

test.skipIf(needed("root", "setpriv", "liburing", "a public checkout"))(
  "a small RLIMIT_MEMLOCK gives a ring, or names what to raise",
  async () => {
    const ran = (await childValue("ring-refused.ts", ["0", "32768"], {
      prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--memlock=65536"],
    })) as Ran | { entries: number };
    // Since 5.12 rings are charged to the memory cgroup instead (kernel commit 26bfa89e25f4) and the limit does not bite.
    if ("entries" in ran) expect(ran).toEqual({ entries: 32768 });
    else expect(ran.message).toContain("ulimit -l");
  },
);

test.skipIf(needed("root", "liburing"))("liburing cannot be loaded", async () => {
  const library = realpathSync(mappedLiburing());
  const empty = join(tmpdir(), `bytewitness-empty-${process.pid}`);
  writeFileSync(empty, "");
  try {
    // A mount namespace of its own: the bind mount ends with the child.
    const prefix = [...IN_PRIVATE, "sh", "-c", `mount --bind "${empty}" "${library}" && exec "$@"`, "sh"];
    const ran = (await childValue("ring-refused.ts", [], { prefix })) as Ran;
    expect(ran).toEqual({
      name: "SyscallError",
      call: "dlopen",
      code: "ENOENT",
      message:
        "dlopen(liburing.so.2): ENOENT (no such file or directory); install it: `sh scripts/setup.sh`, " +
        "or the package liburing2 (Debian) or liburing (Fedora, SUSE, Arch, Alpine)",
    });
  } finally {
    await Bun.file(empty).delete();
  }
});

test.skipIf(needed("root", "liburing"))("liburing is there but lacks what is needed", async () => {
  const library = realpathSync(mappedLiburing());
  const other = realpathSync(mapped(/\S+\/libm(?:-[\d.]+)?\.so\S*/) ?? library);
  const prefix = [...IN_PRIVATE, "sh", "-c", `mount --bind "${other}" "${library}" && exec "$@"`, "sh"];
  const ran = (await childValue("ring-refused.ts", [], { prefix })) as Ran;
  expect(ran.code).toBe("EINVAL");
  expect(ran.message).toContain('Symbol "io_uring_queue_init_params" not found in "liburing.so.2"');
  expect(ran.message).toContain("reinstall it: `sh scripts/setup.sh`");
});

function mapped(pattern: RegExp): string | undefined {
  return pattern.exec(readFileSync("/proc/self/maps", "utf8"))?.[0];
}

function mappedLiburing(): string {
  if (liburing().name === undefined) throw new Error("this machine has no liburing");
  const path = mapped(/\S+\/liburing\.so\S*/);
  if (path === undefined) throw new Error("liburing is not mapped");
  return path;
}

test.skipIf(needed("root", "setpriv", "a public checkout"))("no permission: what failed, why, what to do", () => {
  const directory = mkdtempSync(join(tmpdir(), "bytewitness-forbidden-"));
  chmodSync(directory, 0o700);
  try {
    const source = join(import.meta.dir, "../../src/ops/file.ts");
    const script = `import { openFile } from "${source}"; openFile("${directory}/x", { flags: 0o101 });`;
    const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const ended = Bun.spawnSync([...user, process.execPath, "-e", script], { timeout: 60_000 });
    expect(ended.stderr.toString()).toContain(
      `open("${directory}/x", O_WRONLY|O_CREAT): EACCES (permission denied); check the permissions of the path ` +
        "and of the directories above it, or run as a user who has them",
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
