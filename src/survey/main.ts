/**
 * The front of survey.ts: flags, the files that a survey is compared with, where its report goes, exit codes.
 *
 * Owns the order: check every file that is named, run, compare, print. Refuses to start a case before a place for the
 * report is known to be writable.
 */
import os from "node:os";
import { type ArgumentSpecs, type Arguments, UsageError } from "../cli/args.ts";
import { namedFiles } from "../cli/asked.ts";
import { isForElsewhere } from "../cli/describe.ts";
import { NewFile } from "../cli/documents.ts";
import { GivenFileError, readGivenFile } from "../cli/given-file.ts";
import { abortable } from "../cli/interruption.ts";
import { printProblem, terminalColumns, writeReport, writeStdout } from "../cli/streams.ts";
import { VERSION } from "../cli/version.ts";
import { environment } from "../machine/environment.ts";
import { EXIT, exitCodeOf, SCHEMA } from "../report/document.ts";
import { makeBoard } from "./board.ts";
import { allCases, chooseCases, type SurveyCase } from "./cases.ts";
import { changeLines, compare, type Earlier, markExpected, readEarlier, readExpected } from "./compare.ts";
import { type CaseResult, type Survey, surveyJson, surveyKtap, surveyVerdict } from "./document.ts";
import { listText } from "./list.ts";
import { upstreamVersion } from "./range.ts";
import { endingOf, REPORT_ENDINGS, rendered } from "./report-file.ts";
import { runSurvey } from "./run.ts";
import { surveyText } from "./table.ts";

/** Set by the lab in its guests: "kvm" or "tcg". There nothing is anybody else's, and emulation is slow. */
const GUEST_VARIABLE = "BYTEWITNESS_GUEST";

export const SURVEY_OPTIONS = {
  only: { kind: "text", optional: true, description: "cases with commas between them, by name" },
  budget: {
    kind: "duration",
    optional: true,
    description: "time for all cases together (100s; 6m in an emulated guest)",
  },
  systemWide: {
    kind: "flag",
    description: "also cases that change something for the whole system (by themselves in a guest)",
  },
  baseline: { kind: "path", optional: true, description: "an earlier survey's JSON: what is new, gone, the same" },
  expect: {
    kind: "path",
    optional: true,
    description: "corrupt cases that are known: a case and its kinds on each line, or a survey's JSON",
  },
  report: {
    kind: "path",
    newFile: true,
    optional: true,
    description: "write the report to FILE.html, FILE.txt or FILE.json as well",
  },
  json: { kind: "flag", description: "stdout is exactly one JSON object" },
  ktap: { conflicts: ["json"], kind: "flag", description: "stdout is KTAP version 1, a subtest for each case" },
  list: {
    conflicts: ["budget", "systemWide", "baseline", "expect", "report", "ktap", "quiet"],
    kind: "flag",
    description: "list the cases with what is known of each, run none",
  },
  quiet: { kind: "flag", description: "no live table on stderr" },
} as const satisfies ArgumentSpecs;

type SurveyArguments = Arguments<typeof SURVEY_OPTIONS>;

/** Everything that can be wrong with the arguments, before the first case: throws a UsageError. */
export function checkSurvey(args: SurveyArguments): void {
  prepare(args);
  if (isForElsewhere()) wrongEnding(args.report);
  else openReport(args)?.[Symbol.dispose]();
}

function prepare(args: SurveyArguments) {
  const all = allCases();
  const chosen = chooseCases(all, args.only);
  if (typeof chosen === "string") throw new UsageError(`--only: ${chosen}`);
  const kernelVersion = upstreamVersion(os.release(), os.version());
  const baseline = fromFile("--baseline", args.baseline, (text) => readEarlier(text, kernelVersion));
  const names = all.map(({ name }) => name);
  const expected = fromFile("--expect", args.expect, (text) => readExpected(text, { kernel: kernelVersion, names }));
  return { chosen, kernelVersion, baseline, expected };
}

export async function surveyMain(args: SurveyArguments): Promise<number> {
  const ready = prepare(args);
  const { chosen, kernelVersion } = ready;
  using report = args.list ? undefined : openReport(args);
  const narrate = (line: string) => {
    if (!args.quiet) process.stderr.write(`survey: ${line}\n`);
  };
  if (args.list) {
    writeStdout(await listText(chosen, { kernelVersion, json: args.json }));
    return EXIT.clean;
  }
  return await abortable((signal) => survey(args, { ...ready, report }, signal), narrate);
}

/** Runs the cases until the last or a signal; the table so far is printed either way. */
async function survey(
  args: SurveyArguments,
  { chosen, kernelVersion, baseline, expected, report }: ReturnType<typeof prepare> & { report: NewFile | undefined },
  signal: AbortSignal,
): Promise<number> {
  const { results, durationSeconds } = await run(args, chosen, { kernelVersion, signal });
  const compared = compare(markExpected(results, expected ?? new Map()), baseline ?? []);
  const result: Survey = {
    schema: SCHEMA,
    tool: "survey",
    version: VERSION,
    verdict: signal.aborted && surveyVerdict(compared) !== "corrupt" ? "inconclusive" : surveyVerdict(compared),
    ...(signal.aborted ? { reason: `interrupted after ${results.length} of ${chosen.length} cases` } : {}),
    durationSeconds,
    environment: environment({ kernelVersion }),
    cases: compared,
  };
  const code = print(result, args, baseline);
  const written = report === undefined || saveReport(report, result);
  return written || code !== EXIT.clean ? code : EXIT.ownFailure;
}

const EMULATION_FACTOR = 3;

function slowed(entry: SurveyCase): SurveyCase {
  return entry.seconds === undefined ? entry : { ...entry, seconds: entry.seconds * EMULATION_FACTOR };
}

async function run(
  args: SurveyArguments,
  cases: readonly SurveyCase[],
  { kernelVersion, signal }: { kernelVersion: string; signal: AbortSignal },
) {
  const guest = process.env[GUEST_VARIABLE];
  const emulated = guest === "tcg";
  const board = makeBoard(
    cases.map(({ name }) => name),
    { quiet: args.quiet },
  );
  const startedAt = performance.now();
  let results: CaseResult[];
  try {
    const budgetSeconds = args.budget ?? (emulated ? 360 : 100);
    const plan = {
      // The threads of a race take ten emulated seconds to start.
      cases: emulated ? cases.map((entry) => slowed(entry)) : cases,
      budgetSeconds,
      // A larger budget is for a slow machine, and a slow machine's cases take longer too.
      caseSecondsMax: Math.max(emulated ? 60 : 25, budgetSeconds / 8),
      systemWide: args.systemWide || guest !== undefined,
      kernelVersion,
    };
    results = await runSurvey(plan, board, signal);
  } finally {
    board.end();
  }
  return { results, durationSeconds: Math.round(performance.now() - startedAt) / 1000 };
}

function print(survey: Survey, args: SurveyArguments, baseline: readonly Earlier[] | undefined): number {
  const changes = baseline === undefined ? [] : changeLines(survey.cases, baseline);
  const asText = () =>
    surveyText(survey, { privileged: survey.environment.privileged, changes, columns: terminalColumns(1) });
  const text = args.json ? surveyJson(survey) : args.ktap ? surveyKtap(survey) : asText();
  return writeReport("survey", text, exitCodeOf(survey.verdict));
}

/** Where people read it, lines are wrapped; elsewhere a case is a line. */

/** A file that a flag names, read at once: what is wrong with it is known before the first case. */
function fromFile<T>(flag: string, path: unknown, read: (text: string) => T | string): T | undefined {
  if (path === undefined) return undefined;
  const name = String(path);
  let text: string;
  try {
    text = readGivenFile(name);
  } catch (error) {
    if (error instanceof GivenFileError) throw new UsageError(`${flag}: ${name} ${error.message}`);
    throw error;
  }
  const value = read(text);
  if (typeof value === "string") throw new UsageError(`${flag}: ${name} ${value}`);
  return value;
}

/** The file of the report, made before the first case: in a form that we can write, and never over another file. */
function openReport({ report }: SurveyArguments): NewFile | undefined {
  if (report === undefined) return undefined;
  wrongEnding(report);
  namedFiles(SURVEY_OPTIONS, { report });
  return new NewFile(report, "--report");
}

function wrongEnding(report: SurveyArguments["report"]): void {
  if (report === undefined || endingOf(String(report)) !== undefined) return;
  throw new UsageError(`--report must end with ${REPORT_ENDINGS.join(", ")}, not ${JSON.stringify(String(report))}`);
}

function saveReport(file: NewFile, survey: Survey): boolean {
  try {
    file.write(rendered(String(file.path), survey));
    return true;
  } catch (error) {
    printProblem("survey", `the report could not be written to ${file.path}: ${(error as Error).message}`);
    return false;
  }
}
