/**
 * stdout and stderr of a command: the report in full, problems as one line; EPIPE on stdout is not an error.
 *
 * Owns how they are reached: through node:fs, which needs no binding, until a run brings the calls of libc that it has
 * bound anyway (`reachBy`). To load node:fs costs as much as to judge a megabyte.
 */
import { wasClosed } from "../ops/closed.ts";
import { EXIT } from "../report/document.ts";
import { visible } from "../units.ts";
import { OutputError } from "./failure.ts";

/** The calls that standard output and error need. */
export interface Descriptors {
  /** write(2): the count, or the name of the errno. */
  write(fd: 1 | 2, bytes: Uint8Array): number | string;
  /** False for what is surely not a terminal; what may be one is asked by other means. */
  mayBeTerminal(fd: 1 | 2): boolean;
  /** Whether it was closed when this process started: ops/closed.ts. */
  wasClosed(fd: 1): boolean;
}

/** Major number of /dev/null, /dev/zero and the like: character devices, but not terminals. Linux, devices.txt. */
const MEM_MAJOR = 1;

const byNode: Descriptors = {
  write(fd, bytes) {
    try {
      return nodeFs().writeSync(fd, bytes);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  },
  mayBeTerminal(fd) {
    try {
      const stat = nodeFs().fstatSync(fd);
      return stat.isCharacterDevice() && stat.rdev >> 8 !== MEM_MAJOR;
    } catch {
      return false;
    }
  },
  wasClosed,
};

const nodeFs = () => require("node:fs") as typeof import("node:fs");

let descriptors = byNode;

/** From now on the streams are reached by these calls. */
export function reachBy(calls: Descriptors): void {
  descriptors = calls;
}

/** Writes all of `text` to stdout; a closed pipe (`| head -1`) is the reader's choice, any other refusal an OutputError. */
export function writeStdout(text: string): void {
  if (descriptors.wasClosed(1)) throw new OutputError("standard output is closed");
  const bytes = Buffer.from(text, "utf8");
  for (let done = 0; done < bytes.length; ) {
    const result = descriptors.write(1, done === 0 ? bytes : bytes.subarray(done));
    if (typeof result === "number") done += result;
    else if (result === "EPIPE") return;
    else if (result === "EAGAIN") Bun.sleepSync(1);
    else if (result !== "EINTR")
      throw new OutputError(`standard output took ${done} of ${bytes.length} bytes: ${result}`);
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
  // Where stderr is closed, the exit code is the message.
  writeStderr(`${oneLine(text)}\n`);
}

/** Writes to stderr as it is; false where that is closed or takes no more. */
export function writeStderr(text: string): boolean {
  const bytes = Buffer.from(text, "utf8");
  for (let done = 0; done < bytes.length; ) {
    const result = descriptors.write(2, done === 0 ? bytes : bytes.subarray(done));
    if (typeof result === "number") done += result;
    else if (result !== "EINTR") return false;
  }
  return true;
}

export function oneLine(text: string): string {
  return visible(text.replaceAll(/\s*\n\s*/g, " "));
}

/**
 * Whether a descriptor is a terminal. Bun's streams and node:tty know it, and cost as much as Bun's whole start: only
 * what may be one is asked for with them.
 */
export function isTerminal(fd: 1 | 2): boolean {
  return descriptors.mayBeTerminal(fd) && streamOf(fd).isTTY === true;
}

/** Columns of a terminal; undefined elsewhere. */
export function terminalColumns(fd: 1 | 2): number | undefined {
  return isTerminal(fd) ? streamOf(fd).columns : undefined;
}

/** Columns of a terminal; 80 elsewhere. */
export function columnsOf(fd: 1 | 2): number {
  return terminalColumns(fd) ?? 80;
}

function streamOf(fd: 1 | 2): NodeJS.WriteStream {
  return fd === 1 ? process.stdout : process.stderr;
}

/** Colour on a terminal, unless NO_COLOR is set (no-color.org). */
export function colorWanted(): boolean {
  return isTerminal(1) && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
}
