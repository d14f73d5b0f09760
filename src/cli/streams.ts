/** stdout and stderr of a command: the report in full, complaints as one line; EPIPE on stdout is not an error. */
import { writeSync } from "node:fs";
import { OutputError } from "./failure.ts";

/** Writes all of `text` to stdout; a closed pipe (`| head -1`) is the reader's choice, any other refusal an OutputError. */
export function writeStdout(text: string): void {
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

/** One line on stderr: control characters in names and paths must not reach a terminal. */
export function printProblem(name: string, message: string): void {
  try {
    writeSync(2, `${name}: ${oneLine(message)}\n`);
  } catch {
    // stderr is closed; the exit code is the message.
  }
}

export function oneLine(text: string): string {
  const control = (letter: string) => `\\x${(letter.codePointAt(0) as number).toString(16).padStart(2, "0")}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/\s*\n\s*/g, " ").replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, control);
}

/** Colour on a terminal, unless NO_COLOR is set (no-color.org). */
export function colorWanted(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
}
