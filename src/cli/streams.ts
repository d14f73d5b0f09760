/** stdout and stderr of a command: the report in full, complaints as one line, and a reader that left is no failure. */
import { writeSync } from "node:fs";

/** Writes all of `text` to stdout; a closed pipe (`| head -1`) is the reader's choice, not our failure. */
export function writeStdout(text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN" && code !== "EINTR") throw error;
    }
  }
}

export function complain(name: string, message: string): void {
  try {
    writeSync(2, `${name}: ${message.replaceAll("\n", " ")}\n`);
  } catch {
    // stderr is closed; the exit code still tells.
  }
}

/** Colour on a terminal, unless NO_COLOR is set (no-color.org). */
export function colorWanted(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "";
}
