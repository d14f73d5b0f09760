/** stdout and stderr of a command: the report in full, problems as one line; EPIPE on stdout is not an error. */
import { fstatSync, writeSync } from "node:fs";
import { wasClosed } from "../ops/closed.ts";
import { EXIT } from "../report/document.ts";
import { visible } from "../units.ts";
import { OutputError } from "./failure.ts";

/** Writes all of `text` to stdout; a closed pipe (`| head -1`) is the reader's choice, any other refusal an OutputError. */
export function writeStdout(text: string): void {
  if (wasClosed(1)) throw new OutputError("standard output is closed");
  const bytes = Buffer.from(text, "utf8");
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") return;
      if (code === "EAGAIN") Bun.sleepSync(1);
      else if (code !== "EINTR")
        throw new OutputError(`standard output took ${done} of ${bytes.length} bytes: ${code}`);
    }
  }
}

/**
 * Prints a report and returns the code that the process ends with: a report that cannot be written never changes a verdict,
 * but a clean run without a report ends 255.
 */
export function writeReport(name: string, text: string, code: number): number {
  try {
    writeStdout(text);
    return code;
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    printProblem(name, `the report could not be written: ${error.message}; the exit code is the verdict`);
    return code === EXIT.clean ? EXIT.ownFailure : code;
  }
}

/** What is wrong, as one line on stderr. */
export function printProblem(name: string, message: string): void {
  printLine(`${name}: ${message}`);
}

/** One line on stderr: control characters in names and paths must not reach a terminal. */
export function printLine(text: string): void {
  try {
    writeSync(2, `${oneLine(text)}\n`);
  } catch {
    // stderr is closed; the exit code is the message.
  }
}

export function oneLine(text: string): string {
  return visible(text.replaceAll(/\s*\n\s*/g, " "));
}

/** Major number of /dev/null, /dev/zero and the like: character devices, but not terminals. Linux, devices.txt. */
const MEM_MAJOR = 1;

/**
 * Whether a descriptor is a terminal. Bun's streams and node:tty know it, and cost as much as Bun's whole start: only
 * what may be one is asked for with them.
 */
export function isTerminal(fd: 1 | 2): boolean {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev >> 8 === MEM_MAJOR) return false;
  } catch {
    return false;
  }
  return streamOf(fd).isTTY === true;
}

/** Columns of a terminal; 80 elsewhere. */
export function columnsOf(fd: 1 | 2): number {
  return isTerminal(fd) ? (streamOf(fd).columns ?? 80) : 80;
}

function streamOf(fd: 1 | 2): NodeJS.WriteStream {
  return fd === 1 ? process.stdout : process.stderr;
}

/** Colour on a terminal, unless NO_COLOR is set (no-color.org). */
export function colorWanted(): boolean {
  return isTerminal(1) && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
}
