#!/usr/bin/env bun
/**
 * survey: which silent corruption does this kernel have?
 *
 * Runs every reproducer that this machine and these privileges allow, one after the other, each in a process of its own
 * with a time limit, on files and mounts of its own. A live table on stderr; at the end one line for each case: verdict,
 * kind, how much, first finding after, where the bug is known to be, what to do.
 * What concerns the whole system (KSM, huge pages, swap, a module) runs only with --system-wide, and in guests of the lab.
 * Exit codes: 1 if anything is corrupt, 0 clean, 125 nothing was corrupt but something gave no verdict, 254 bad arguments.
 * Run: bun run survey.ts [--only A,B] [--budget 60s] [--json|--ktap] [--report FILE.html] [--baseline FILE.json]
 * On another kernel: bun run lab.ts run --kernel 6.12.117 -- survey.ts
 * The reason that this script does not import the survey through "bytewitness": every reproducer would load it.
 */
import { runCommand } from "bytewitness";
import { checkSurvey, SURVEY_OPTIONS, surveyMain } from "../src/survey/main.ts";

await runCommand({
  name: "survey",
  summary: "which silent corruption does this kernel have? every reproducer, one table",
  options: SURVEY_OPTIONS,
  check: (args) => {
    checkSurvey(args);
    return undefined;
  },
  run: ({ args }) => surveyMain(args),
});
