/**
 * C programs that are files of their own: c/evidence/NAME.c, with the values of the run put in.
 *
 * Owns putting them in, the choice between the two doors of the append program, and the wrapping as a kernel selftest. A
 * reproducer has a file of this kind where its bug needs what no recording holds: two processes, a nearly full memory group, KSM.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { comment } from "./program.ts";

export interface ProgramTemplate {
  /** The file's name in c/evidence. */
  readonly template: string;
  /** What `#define NAME (…)` becomes: { records: 4 } sets RECORDS. Names that the file does not define are left out. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Which side of `#if DOOR` stays; for files that have one. */
  readonly door?: "io_uring" | "pwritev2";
}

const DIRECTORY = join(import.meta.dir, "../../../c/evidence");

/** `about` are sentences for the header; `kselftest` prints KTAP and ends 4 where a call is refused. */
export function templateProgram(
  { template, values, door }: ProgramTemplate,
  { about, kselftest }: { about: readonly string[]; kselftest: boolean },
): string {
  let text = readFileSync(join(DIRECTORY, `${template}.c`), "utf8");
  text = text.replace(" * ABOUT", about.flatMap(wrapped).join("\n"));
  for (const [name, value] of Object.entries(values)) {
    const defined = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    if (!Number.isSafeInteger(value)) continue;
    text = text.replace(new RegExp(`^(#define ${defined}) \\([^)]*\\)`, "m"), `$1 ${value}`);
  }
  if (door !== undefined) text = withoutOtherDoor(text, door === "io_uring");
  return kselftest ? asKselftest(text, template) : text;
}

const COLUMNS = 120;

/** A sentence as lines of a comment. */
function wrapped(sentence: string): string[] {
  const lines = [" *"];
  for (const word of comment(sentence).split(" ")) {
    if ((lines.at(-1) as string).length + 1 + word.length > COLUMNS) lines.push(" *  ");
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines;
}

/** Leaves one side of every `#if DOOR`. */
function withoutOtherDoor(text: string, uring: boolean): string {
  const built = uring ? text.replace(/ {2,}\(without.*\)$/m, "") : text.replace(/ -luring {2,}\(without.*\)$/m, "");
  let keep: boolean | undefined;
  const lines = built.split("\n").filter((line) => {
    if (line === "#if DOOR") keep = uring;
    else if (line === "#else" && keep !== undefined) keep = !uring;
    else if (line === "#endif" && keep !== undefined) keep = undefined;
    else return keep !== false && !line.startsWith("#define DOOR");
    return false;
  });
  return lines.join("\n");
}

function asKselftest(text: string, name: string): string {
  return text
    .replaceAll(/\b125\b/g, "4")
    .replace("  int corrupt = 0;", '  puts("TAP version 13\\n1..1");\n  int corrupt = 0;')
    .replace('puts(corrupt ? "CORRUPT" : "clean")', `puts(corrupt ? "not ok 1 ${name}" : "ok 1 ${name}")`);
}
