/** Where a run happens: kernel, libraries, limits, as the JSON contract's `environment`. Unknown values are left out. */
import { tryReadText } from "../ops/file.ts";
import type { Environment } from "../report/document.ts";

/** Loaded where /proc is not there; nothing else of a clean run needs it. */
const os = () => require("node:os") as typeof import("node:os");

function firstMatch(path: string, pattern: RegExp): string | undefined {
  return pattern.exec(tryReadText(path) ?? "")?.[1];
}

/** The version of the liburing this process has mapped, from its file name: "2.3". */
function liburingVersion(): string | undefined {
  return firstMatch("/proc/self/maps", /liburing\.so\.([\d.]+)/);
}

/** All of it, proc(5): /proc/meminfo counts in KiB. */
function memoryBytes(): number {
  const kibibytes = firstMatch("/proc/meminfo", /^MemTotal: *(\d+) kB$/m);
  return kibibytes === undefined ? os().totalmem() : Number(kibibytes) * 1024;
}

/** Mount options without what may be private: values that hold a path or look like an address, and labels. */
export function publicMountOptions(options: string): string {
  return options
    .split(",")
    .map((option) => {
      const [name = "", value] = option.split(/=(.*)/s);
      const isPrivate =
        value !== undefined && (/[/:@]|^\d+\.\d+\.\d+\.\d+/.test(value) || /user|uuid|label/i.test(name));
      return isPrivate ? `${name}=…` : option;
    })
    .join(",");
}

/** A group without the names of users, sessions and containers below it: "/user.slice/…". */
export function publicGroup(path: string): string {
  const [, first = "", rest] = path.split("/");
  return rest === undefined ? path : `/${first}/…`;
}

export function environment(extra: Partial<Environment> = {}): Environment {
  const liburing = liburingVersion();
  const cgroup = firstMatch("/proc/self/cgroup", /^0::(.*)$/m);
  return {
    kernel: firstMatch("/proc/sys/kernel/osrelease", /^(\S+)\n?$/) ?? os().release(),
    arch: process.arch === "x64" ? "x86_64" : process.arch === "arm64" ? "aarch64" : process.arch,
    bun: Bun.version,
    ...(liburing === undefined ? {} : { liburing }),
    cpus: navigator.hardwareConcurrency,
    memoryBytes: memoryBytes(),
    ...(cgroup === undefined ? {} : { cgroup: publicGroup(cgroup) }),
    privileged: process.geteuid?.() === 0,
    ...extra,
  };
}
