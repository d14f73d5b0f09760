/**
 * A report as the recording of a run: what `--replay FILE.json` needs, and how an edited or truncated file is noticed.
 *
 * Owns reading the report's `repeat` field (repeat.ts) back into a command line, before the words are looked at. Refuses a
 * file of another version or tool, and names the place.
 */
import { pathText } from "../ops/file.ts";
import { type RunReport, SCHEMA } from "../report/document.ts";
import { type ArgumentSpecs, flagName, UsageError } from "./args.ts";
import { GivenFileError, readGivenFile } from "./given-file.ts";
import { jsonFault } from "./json-fault.ts";
import { repeats, sum } from "./repeat.ts";
import { VERSION } from "./version.ts";

const FLAG = "--replay";

/** The command line that `--replay FILE` means; without that flag, the words as they are. */
export function withRecording(name: string, common: ArgumentSpecs, argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word) => word === FLAG || word.startsWith(`${FLAG}=`));
  const asksOther = argv.includes("--help") || argv.includes("-h") || argv.includes("--version");
  if (at < 0 || asksOther) return argv;
  const joined = argv[at] !== FLAG;
  const file = joined ? (argv[at] as string).slice(FLAG.length + 1) : (argv[at + 1] ?? "");
  if (file === "" || (!joined && file.startsWith("-"))) throw new UsageError(`${FLAG} needs the JSON report of a run`);
  const others = [...argv.slice(0, at), ...argv.slice(at + (joined ? 1 : 2))];
  const report = readRecording(file, name);
  const words = report.repeat?.arguments as readonly string[];
  repeats(report);
  return [...words, ...compatible(others, words, common)];
}

/** What may be given next to a recording: flags that steer the report. Subcommands that the recording has may be repeated. */
function compatible(given: readonly string[], words: readonly string[], common: ArgumentSpecs): string[] {
  const steering = new Map(
    Object.entries(common).flatMap(([name, spec]) => (name === "seed" ? [] : [[flagName(name), spec.kind] as const])),
  );
  const rest = [...given];
  while (rest.length > 0 && rest[0] === words[given.length - rest.length] && !rest[0]?.startsWith("-")) rest.shift();
  const kept: string[] = [];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [flag = ""] = word.split("=", 1);
    const kind = steering.get(flag);
    if (flag === FLAG) throw new UsageError(`${FLAG} was given twice`);
    if (kind === undefined) throw new UsageError(`${word} cannot be given with ${FLAG}: the recording decides it`);
    const value = kind === "flag" || word.includes("=") ? [] : rest.splice(0, 1);
    if (!words.includes(flag)) kept.push(word, ...value);
  }
  return kept;
}

/** The report in a file, checked field by field. Throws UsageError with the place of what is wrong. */
function readRecording(file: string, name: string): RunReport {
  const wrong = (place: string) => new UsageError(`${FLAG} ${file}: ${place}`);
  const value = parsed(textOf(file, wrong), wrong);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("it holds no report of a run");
  const report = value as Partial<RunReport>;
  if ("cases" in report || "rows" in report)
    throw wrong("it holds many reports; take the `report` of one case into a file of its own");
  const { schema, tool, version, repeat } = report;
  if (schema !== SCHEMA) throw wrong(`schema: ${shown(schema)}; this version reads schema ${SCHEMA}`);
  if (tool !== name) throw wrong(`tool: recorded by ${shown(tool)}; give it to that command, this is ${name}`);
  if (version !== VERSION)
    throw wrong(`version: recorded by ${shown(version)}, this is ${VERSION}; take that version or run its replay line`);
  const { sums, arguments: words } = repeat ?? {};
  if (typeof sums !== "object" || sums === null || !Array.isArray(words))
    throw wrong("repeat: missing, so the file is not a whole report; write it again with --json");
  checkSums({ ...report, repeat: undefined, arguments: words }, sums, wrong);
  if (!words.every((word) => typeof word === "string"))
    throw wrong("repeat.arguments: a path that is not UTF-8 cannot be recorded in JSON; run the replay line instead");
  return report as RunReport;
}

function checkSums(
  fields: Readonly<Record<string, unknown>>,
  sums: Readonly<Record<string, unknown>>,
  wrong: (place: string) => UsageError,
): void {
  const place = (name: string) => (name === "arguments" ? "repeat.arguments" : name);
  for (const [name, expected] of Object.entries(sums)) {
    if (fields[name] === undefined) throw wrong(`${place(name)}: the field is missing; the file was edited`);
    if (sum(fields[name]) !== expected)
      throw wrong(`${place(name)}: not what was recorded (checksum); the file was edited`);
  }
  const added = Object.keys(fields).find((name) => fields[name] !== undefined && sums[name] === undefined);
  if (added !== undefined) throw wrong(`${place(added)}: not in the recording; the file was edited`);
}

function textOf(file: string, wrong: (place: string) => UsageError): string {
  try {
    return readGivenFile(file);
  } catch (error) {
    if (error instanceof GivenFileError) throw wrong(error.message);
    throw error;
  }
}

function parsed(text: string, wrong: (place: string) => UsageError): unknown {
  const fault = jsonFault(text);
  if (fault === undefined) return JSON.parse(text);
  const before = text.slice(0, fault);
  const line = before.split("\n").length;
  const column = fault - before.lastIndexOf("\n");
  if (text.trim() === "") throw wrong("it is empty");
  if (fault >= text.trimEnd().length)
    throw wrong(`it ends at line ${line}, column ${column}, in the middle of a report`);
  throw wrong(`no JSON at line ${line}, column ${column}`);
}

function shown(value: unknown): string {
  return typeof value === "string" ? pathText(value).slice(0, 40) : (JSON.stringify(value) ?? "nothing");
}

const WHERE = ["kernel", "arch", "filesystem", "mountOptions", "cpus", "memoryBytes", "privileged", "bun", "liburing"];

/** How this run compares with the recorded one: where it happened, what it used, what it found. */
export function comparison(was: RunReport, now: RunReport): string[] {
  const lines = WHERE.flatMap((name) => {
    const [then, here] = [was.environment[name], now.environment[name]];
    return then === here ? [] : [`${name}: recorded ${shown(then)}, here ${shown(here)}`];
  });
  for (const [name, then] of steadySettings(was.workload)) {
    const here = steadySettings(now.workload).get(name);
    if (then !== here) lines.push(`${name}: recorded ${then}, here ${here ?? "nothing"}`);
  }
  const [then, here] = [findingText(was), findingText(now)];
  return [...lines, then === here ? `the same as recorded: ${then}` : `recorded ${then}; here ${here}`];
}

/** Settings of the workload that are not counters; a group's directory has the process's number. */
function steadySettings(workload: RunReport["workload"]): Map<string, string> {
  const settings = new Map<string, string>();
  const add = (name: string, value: unknown) => {
    if (typeof value === "string" || typeof value === "boolean") settings.set(name, String(value));
  };
  for (const [name, value] of Object.entries(workload)) {
    if (name === "prefix") continue;
    if (typeof value !== "object" || value === null) add(name, value);
    else for (const [inner, one] of Object.entries(value)) if (inner !== "group") add(`${name}.${inner}`, one);
  }
  return settings;
}

function findingText({ verdict, findings }: RunReport): string {
  const [first] = findings;
  if (first === undefined) return verdict;
  return `${verdict}, ${first.kind} of ${first.lengthBytes} bytes at ${first.offsetBytes} first`;
}
