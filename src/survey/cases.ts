/**
 * The cases of a survey: every reproducer of scripts/gallery, found by its file, and the two flagships.
 *
 * Owns how each is started. A gallery script without a line here is started as it is; a line gives other words, several
 * cases of one script, or a weight. Refuses to know what a case needs or changes: its own process reports that.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_ROOT } from "../ops/self.ts";

export interface SurveyCase {
  readonly name: string;
  /** Path of the script, relative to the package. */
  readonly script: string;
  readonly words: readonly string[];
  /** Seconds that the case gets by --seconds; undefined for cases that end by themselves. */
  readonly seconds?: number;
}

type Start = Omit<SurveyCase, "script">;

const FLAGSHIPS = ["uring-append", "splice-relay"];

/** What is not started as it is. */
const STARTS: Readonly<Record<string, readonly Start[]>> = {
  "uring-append": [{ name: "uring-append", words: [], seconds: 8 }],
  "splice-relay": [
    { name: "splice-relay", words: ["--bytes", "16MiB"] },
    { name: "ktls-splice", words: ["--ktls", "--pipe-size", "4096", "--bytes", "64KiB"] },
  ],
  "nowait-append": [{ name: "nowait-append", words: [], seconds: 5 }],
  "two-rings": [{ name: "two-rings", words: ["--megabytes", "16"] }],
  // Its bug is tmpfs's; in a guest of the lab the script would take the guest's disk.
  "past-the-end": [{ name: "past-the-end", words: ["/dev/shm"] }],
  "append-tear": [{ name: "append-tear", words: [], seconds: 10 }],
};

/** All cases, flagships first, then the gallery by name. */
export function allCases(root = PACKAGE_ROOT): SurveyCase[] {
  const gallery = readdirSync(join(root, "scripts/gallery"))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
  const scripts = [
    ...FLAGSHIPS.map((name) => [name, `scripts/${name}.ts`] as const),
    ...gallery.map((name) => [name, `scripts/gallery/${name}.ts`] as const),
  ];
  return scripts.flatMap(([name, script]) =>
    (STARTS[name] ?? [{ name, words: [] }]).map((start) => ({ ...start, script })),
  );
}

/** The cases named in a list with commas, in its order; a name of a script means all its cases. A string is a problem. */
export function chooseCases(all: readonly SurveyCase[], list: string | undefined): SurveyCase[] | string {
  if (list === undefined) return [...all];
  const names = list
    .split(",")
    .map((name) => name.trim().replace(/\.ts$/, ""))
    .filter(Boolean);
  const chosen: SurveyCase[] = [];
  for (const name of names) {
    const exact = all.filter((entry) => entry.name === name);
    const found = exact.length > 0 ? exact : all.filter((entry) => entry.script.endsWith(`/${name}.ts`));
    if (found.length === 0) return `no case ${name}: it is one of ${all.map((entry) => entry.name).join(", ")}`;
    chosen.push(...found.filter((entry) => !chosen.includes(entry)));
  }
  return names.length === 0 ? "an empty list of cases; name at least one" : chosen;
}
