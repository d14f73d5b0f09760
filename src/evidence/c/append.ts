/**
 * The C program of the append reproducers: c/evidence/append.c with the run's own door and sizes.
 *
 * Owns putting the values in. The program is a file of its own and not made from a recording, because the bug needs a
 * memory group that is nearly full and a time stamp right after a clock tick, which are no calls on the file.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { comment } from "./program.ts";

export interface AppendProgram {
  readonly template: "append";
  readonly door: "io_uring" | "pwritev2";
  readonly appendBytes: number;
  /** How much more than it holds the memory group may get. */
  readonly headroomBytes: number;
}

const SOURCE = join(import.meta.dir, "../../../c/evidence/append.c");

/** `about` are sentences for the header; `kselftest` prints KTAP and ends 4 where a call is refused. */
export function appendProgram(
  { door, appendBytes, headroomBytes }: AppendProgram,
  { about, kselftest }: { about: readonly string[]; kselftest: boolean },
): string {
  const uring = door === "io_uring";
  const value = (text: string, name: string, bytes: number) =>
    text.replace(new RegExp(`#define ${name} \\([^)]*\\)`), `#define ${name} ${bytes}`);
  let text = readFileSync(SOURCE, "utf8").replace(" * ABOUT", about.map((line) => ` * ${comment(line)}`).join("\n"));
  text = value(value(text, "APPEND_BYTES", appendBytes - (appendBytes % 8)), "HEADROOM_BYTES", headroomBytes);
  text = withoutOtherDoor(text, uring);
  if (!uring) text = text.replace(/ -luring {2,}\(without.*\)$/m, "");
  else text = text.replace(/ {2,}\(without.*\)$/m, "");
  return kselftest ? asKselftest(text) : text;
}

/** Leaves one side of every `#if DOOR`. */
function withoutOtherDoor(text: string, uring: boolean): string {
  let keep: boolean | undefined;
  const lines = text.split("\n").filter((line) => {
    if (line === "#if DOOR") keep = uring;
    else if (line === "#else") keep = !uring;
    else if (line === "#endif") keep = undefined;
    else return keep !== false && !line.startsWith("#define DOOR");
    return false;
  });
  return lines.join("\n");
}

function asKselftest(text: string): string {
  return text
    .replaceAll("125", "4")
    .replace("  squeeze();\n  int", '  puts("TAP version 13\\n1..1");\n  squeeze();\n  int')
    .replace('puts(corrupt ? "CORRUPT" : "clean")', 'puts(corrupt ? "not ok 1 append" : "ok 1 append")');
}
