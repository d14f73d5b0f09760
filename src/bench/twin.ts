/**
 * Yardsticks in C: a file of c/ compiled with `gcc -O2` into a directory that goes with the process.
 *
 * Owns finding the compiler and the temporary program. Refuses other optimisation: the yardstick is what a person who
 * writes C would build, as the reports ask for.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Workshop } from "./workshop.ts";

export interface Twin extends Disposable {
  readonly path: string;
  /** "gcc 12.2.0 -O2 -luring". */
  readonly builtBy: string;
}

/** Compiles `c/NAME.c`; an Error that names what to install when that is impossible here. */
export function compileTwin(
  name: string,
  libraries: readonly string[] = [],
  options: { linked?: "static" } = {},
): Twin {
  const compiler = Bun.which("gcc");
  if (compiler === null) throw new Error("the C yardstick needs gcc: apt-get install gcc libc6-dev");
  const workshop = new Workshop(join(tmpdir(), "bytewitness-twin-"));
  const path = join(workshop.path, name);
  const source = join(import.meta.dir, "../../c/yardstick", `${name}.c`);
  const flags = [
    "-O2",
    ...(options.linked === undefined ? [] : ["-static"]),
    ...libraries.map((library) => `-l${library}`),
  ];
  const made = Bun.spawnSync([compiler, "-o", path, source, ...flags], { stdout: "ignore", stderr: "pipe" });
  if (made.exitCode !== 0) {
    workshop[Symbol.dispose]();
    const hint = libraries.includes("uring") ? "; it needs liburing's headers: apt-get install liburing-dev" : "";
    throw new Error(`gcc ${name}.c: ${made.stderr.toString().trim().split("\n")[0]}${hint}`);
  }
  workshop.made(path);
  const version = Bun.spawnSync([compiler, "-dumpfullversion"]).stdout.toString().trim();
  return { path, builtBy: ["gcc", version, ...flags].join(" "), [Symbol.dispose]: () => workshop[Symbol.dispose]() };
}
