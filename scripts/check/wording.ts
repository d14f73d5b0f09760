/**
 * Plain English: turns of phrase that are correct and foreign, in comments, messages, names and the README.
 *
 * Owns the list, each with what to write instead; it grows by what review finds twice. A phrase may be cut by a line's
 * end. Refuses to judge style beyond it, and this file, which has to spell what it looks for.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Phrase {
  readonly found: RegExp;
  readonly instead: string;
}

/** Words one after the other, a line's end and a comment's margin between them or not. */
function words(...each: string[]): RegExp {
  return new RegExp(`\\b${each.join("[\\s*/]+")}\\b`, "gi");
}

const PHRASES: readonly Phrase[] = [
  { found: words("(?:says|told)"), instead: "reports, returns, prints, states" },
  { found: words("tells", "(?!apart)"), instead: "reports, returns, prints, states" },
  { found: words("(?:stands|stood)"), instead: "is, appears, is repeated" },
  {
    // "There is no room", "is no longer" and comparisons are as they should be.
    found: words("(?<!there[\\s*/]+)(?:is|are|was|were)", "no", "(?!more|less|one|utf|\\w+er\\b)[a-z]+"),
    instead: "is not a …",
  },
  { found: words("be", "had"), instead: "is available, is unavailable" },
  { found: words("in", "vain"), instead: "without success" },
  { found: words("of", "which", "(?:no|none|nothing)"), instead: "a clause of its own: when no …" },
  { found: words("has", "spoken"), instead: "name the call: push() called after finish()" },
  { found: words("everybody"), instead: "everyone, all" },
  { found: words("beside"), instead: "next to, with" },
  { found: words("(?:insist\\w*|complain\\w*)"), instead: "require, report" },
  { found: words("(?:is|are|was)", "(?:\\w+[\\s*/]+){0,3}?matter", "of"), instead: "depends on, is about" },
];

const WORDED = /^(?:src|scripts|c|test)\/.*\.(?:ts|c|h|sh)$|^(?:README|CHANGELOG)\.md$/;
const OWN = "scripts/check/wording.ts";

/** One line for each phrase found: where it is, and what to write. */
export function wordingProblems(root: string, files: readonly string[]): string[] {
  const looked = files.filter((file) => WORDED.test(file) && file !== OWN);
  return looked.flatMap((file) => phrasesIn(file, readFileSync(join(root, file), "utf8")));
}

/** The same for one text. */
export function phrasesIn(file: string, text: string): string[] {
  return PHRASES.flatMap(({ found, instead }) =>
    [...text.matchAll(found)].map((match) => {
      const line = text.slice(0, match.index).split("\n").length;
      return `${file}:${line}: "${match[0].replaceAll(/[\s*/]+/g, " ")}": write ${instead}`;
    }),
  );
}
