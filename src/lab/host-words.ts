/**
 * A guest's report in the host's words: paths of evidence that came over, and commands that lead somewhere here.
 *
 * Pure. Owns the directories of a guest: those whose files come over, and the mark "guest:" for files of a guest that is
 * gone. Refuses to touch the script's own words inside a command.
 */
import { stamped } from "../cli/repeat.ts";
import { commandOf } from "../machine/invocation.ts";
import { shellWord } from "../ops/shell.ts";
import type { RunReport } from "../report/document.ts";
import { renderHtml } from "../report/html/page.ts";

/** What the guest's tar stream holds, relative to the artifact directory. */
const EVIDENCE = /(?<![\w./-])(?:\/mnt\/test\/|\/(?:tmp|dev\/shm)\/(?=bytewitness-))([^\s'",;:)]+)/g;
/** Another command of this package, as a guest starts it. */
const COMMAND = /\bbun (?:run )?(?:\/bytewitness\/scripts\/(?:gallery\/)?)?([\w-]+)\.ts\b/g;
/** The script's own command: the guest knows how it is spelled here (BYTEWITNESS_INVOKED), and its paths are the guest's. */
const REPLAY = /^replay\s|\breplay=/;

export interface HostWords {
  readonly artifactDirectory: string;
  /** Paths below the artifact directory. */
  readonly arrived: ReadonlySet<string>;
}

/** A text or KTAP report, line by line. */
export function hostText(text: string, words: HostWords): string {
  return text
    .split("\n")
    .map((line) => hostLine(line, words))
    .join("\n");
}

function hostLine(line: string, words: HostWords): string {
  if (REPLAY.test(line)) return line;
  // A path is a shell's word only where a command is printed.
  const word = line.search(COMMAND) < 0 ? (path: string) => path : shellWord;
  const evidence = line.replaceAll(EVIDENCE, (path: string, relative: string) =>
    words.arrived.has(relative) ? word(`${words.artifactDirectory}/${relative}`) : path,
  );
  return evidence.replaceAll(COMMAND, (_, name: string) => commandOf(name));
}

/** A JSON report: every string in it but what was asked of the script. */
export function hostJson(text: string, words: HostWords): string {
  let report: Record<string, unknown>;
  try {
    report = JSON.parse(text);
  } catch {
    return text;
  }
  if (report === null || typeof report !== "object" || Array.isArray(report) || typeof report.verdict !== "string")
    return text;
  const inHostWords = hostValue(report, words) as RunReport;
  const { repeat } = inHostWords;
  const value = repeat === undefined ? inHostWords : stamped(inHostWords, repeat.arguments);
  return `${JSON.stringify(value, null, 2)}\n`;
}

const EMBEDDED = /<script type="application\/json" id="report">(.*?)<\/script>/s;

/** A document that a guest's script wrote by --report: a page is made again of the report in it, a mail is a text. */
export function hostDocument(text: string, words: HostWords): string {
  const [, embedded] = EMBEDDED.exec(text) ?? [];
  const report = embedded === undefined ? {} : (JSON.parse(hostJson(embedded, words)) as Partial<RunReport>);
  // The page of a survey holds many.
  if (report.findings === undefined || report.totals === undefined) return hostText(text, words);
  return renderHtml(report as RunReport);
}

function hostValue(value: unknown, words: HostWords, key = ""): unknown {
  if (key === "workload" || key === "environment" || key === "replay" || key === "repeat") return value;
  if (typeof value === "string") return hostLine(value, words);
  if (Array.isArray(value)) return value.map((item) => hostValue(item, words));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hostValue(item, words, name)]));
}

/** A file below one of the places that a guest's files are in. */
const GUEST_FILE = /(?<![\w./:-])(\/(?:mnt\/(?:test|disk)|tmp|run|dev\/shm)\/[^\s'",;:)]+)/g;
/** A section that is about files and nothing else. */
const ABOUT_FILES = "Judge the kept files again";

/**
 * A report of a guest whose files stayed in it: no evidence is listed, and what names a file there is marked "guest:". The
 * command that repeats the run makes them again.
 */
export function withoutFiles<T>(report: T): T {
  return goneValue(report, "") as T;
}

function goneValue(value: unknown, key: string): unknown {
  if (["workload", "environment", "replay", "repeat"].includes(key)) return value;
  if (key === "artifacts") return [];
  if (typeof value === "string") return value.replaceAll(GUEST_FILE, "guest:$1");
  if (Array.isArray(value))
    return value.filter((item) => item?.title !== ABOUT_FILES).map((item) => goneValue(item, ""));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, goneValue(item, name)]));
}
