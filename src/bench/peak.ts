/**
 * Preloaded into a process that is measured: at its end it prints the most memory that it itself ever had.
 *
 * Owns the line. wait4(2)'s maximum resident set includes what the parent had when it started the child, however small the
 * child is; VmHWM of proc(5) does not. Does nothing else, and nothing where the process is killed.
 */
import { readFileSync, writeSync } from "node:fs";

process.on("exit", () => {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
  writeSync(2, `\npeak ${kib} kB\n`);
});
