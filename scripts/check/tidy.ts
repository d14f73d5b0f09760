/**
 * The rules of the house that no compiler checks: who may import whom, how long a file may be, what must open it, and
 * what must not appear in it. Reads a directory tree and returns problems.
 *
 * Owns the rules as data (ROOMS, PACKAGES, FORBIDDEN). Refuses style that biome can judge (biome.json has the length
 * of functions and `any`), fixing anything, and asking git: what lies in the tree is judged.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

interface Room {
  /** Rooms whose values and types may be imported, besides the room itself. */
  readonly values: readonly string[];
  /** Rooms from which only types may be imported. */
  readonly types?: readonly string[];
  /** Single files of other rooms that are allowed. */
  readonly files?: readonly string[];
  /** No file system, clock, randomness, process or runtime: the same input gives the same output. */
  readonly pure?: true;
}

/** How quantities are written: the one file outside the rooms that every room may use. */
const UNITS = "src/units.ts";

/** The one direction. A room that is not in this table may not exist. */
export const ROOMS: Readonly<Record<string, Room>> = {
  sys: { values: [] },
  ops: { values: ["sys"], files: [UNITS] },
  // The judge asks the patterns, and they know nothing of it.
  pattern: { values: [], files: ["src/sys/loops.ts", UNITS], pure: true },
  judge: { values: ["pattern"], files: ["src/sys/loops.ts", UNITS], pure: true },
  // The names of the findings and their one-sentence rules of evidence are vocabulary, not judging.
  report: { values: [], types: ["judge", "pattern"], files: ["src/judge/finding.ts", UNITS], pure: true },
  // Side by side: what this machine can do, where files of a run live, and what a run does.
  // How commands are written depends on the package's scripts.
  machine: { values: ["sys", "ops"], types: ["report"], files: ["package.json", UNITS] },
  place: { values: ["sys", "ops", "machine", "workload"], files: [UNITS] },
  // A workload has what it wrote judged, and fills in the report's totals; neither room knows of it.
  workload: {
    values: ["sys", "ops", "pattern", "judge", "machine"],
    types: ["report", "place", "evidence"],
    files: [UNITS],
  },
  // What becomes of a recording of calls: lines, a trace, a program. The judge's findings are only read.
  evidence: { values: ["sys"], types: ["judge", "report"], files: [UNITS] },
  // The version that reports name is the package's.
  cli: {
    values: ["sys", "ops", "pattern", "workload", "judge", "report", "machine", "place", "evidence"],
    files: ["package.json", UNITS],
  },
  // A survey reads reports of other processes: no workload, no judge.
  survey: { values: ["cli", "report", "machine", "ops"], types: ["judge"], files: [UNITS] },
  lab: { values: ["machine", "ops", "cli", "report", "survey"], types: ["judge"], files: [UNITS] },
  bench: { values: ["sys", "ops", "pattern", "machine", "workload", "judge", "report", "cli", "lab"], files: [UNITS] },
};

/** Modules from outside and the only rooms that may import them; a package that is not here may not be imported. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "bun:ffi": ["sys"],
  citty: ["cli"],
  consola: ["cli"],
};

/** Scripts see the public door alone; these few have a reason in their header. */
const SCRIPT_EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  "scripts/check.ts": ["scripts/check/", "src/cli/desk.ts", "src/cli/tool.ts"],
  "scripts/prepack.ts": ["src/"],
  "scripts/reference.ts": ["scripts/check/door.ts"],
  // The project's own commands: what only they use has no place in the public door.
  "scripts/bench.ts": ["src/cli/desk.ts", "src/cli/tool.ts"],
  "scripts/completions.ts": ["package.json", "src/"],
  "scripts/doctor.ts": ["src/"],
  "scripts/fill.ts": ["src/"],
  "scripts/new.ts": ["src/"],
  "scripts/soak.ts": ["src/"],
  "scripts/splice-relay.ts": ["src/"],
  "scripts/uring-append.ts": ["src/"],
  "scripts/verify.ts": ["src/"],
  "scripts/lab.ts": ["src/cli/desk.ts", "src/lab/main.ts"],
  "scripts/survey.ts": ["src/survey/main.ts"],
};

/** Directories of the root; what else lies there was left by a run. */
const ROOT_DIRECTORIES = new Set([".ci", "c", "scripts", "src", "test"]);

const LINES_MAX = 300;
const SCRIPT_LINES_MAX = 200;

// In pieces, so that this file does not break its own rules.
const machinePath = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"].join("|");
const registryHost = ["registry.npm" + "js", "deb.deb" + "ian.org", "snapshot.deb" + "ian.org"].join("|");

interface Forbidden {
  readonly rule: string;
  readonly text: RegExp;
  readonly where: (file: string) => boolean;
}

const isCode = (file: string) => /\.(ts|c|h|sh)$/.test(file) || /^\.ci\/(run|bare)$/.test(file);
/** What tests feed to the code under test: may be as odd as the test needs it. */
const isFixture = (file: string) => /^test\/.*\/fixtures\//.test(file);
const isTest = (file: string) => /^test\/.*\.test\.ts$/.test(file);
/** A command or a reproducer; scripts/check/ holds the parts of one command. */
const isScript = (file: string) => /^scripts\/(?:gallery\/)?[^/]+\.ts$/.test(file);
const roomOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1];
const isPure = (file: string) => ROOMS[roomOf(file) ?? ""]?.pure === true;

/** Text that may not appear in a line of the files that `where` picks. */
export const FORBIDDEN: readonly Forbidden[] = [
  { rule: "path of one machine", text: new RegExp(`(?<![\\w.$}])(?:${machinePath})`), where: () => true },
  { rule: "host of a registry", text: new RegExp(registryHost), where: () => true },
  { rule: "unfinished work", text: new RegExp("\\b(?:TO" + "DO|FIX" + "ME)\\b"), where: isCode },
  { rule: "silenced compiler", text: new RegExp("@ts-(?:ig" + "nore|no" + "check)"), where: isCode },
  { rule: "test run alone", text: /\b(?:test|describe|it)\.only\b/, where: isTest },
  // What a machine lacks is a skip with a name (test/needed.ts), never a pass.
  { rule: "test that returns early", text: /if \(!?(?:needed|lacking)\(.*\)\) return;/, where: isTest },
  // test/until.ts waits for the event; a wait for a time is too short on one machine and wasted on all others.
  { rule: "fixed sleep in a test", text: /^\s*(?:await Bun\.sleep|Bun\.sleepSync)\(/, where: isTest },
  // Once in some hundred runs random bytes fit their neighbours: test/noise.ts.
  { rule: "randomness without a seed", text: /\b(?:getRandomValues|randomBytes|Math\.random)\(/, where: isTest },
  { rule: "limit of less than a minute", text: /^\s*(?:\}, )?[1-5]?\d_000(?:\);|,)$/, where: isTest },
  {
    rule: "impure room",
    text: /\b(?:Date\.now|new Date\(|performance\.now|Math\.random|crypto\.|process\.|Bun\.|setTimeout)/,
    where: isPure,
  },
];

/** All problems about the tree under `root`, each `path:line: rule: detail`, in the order of the paths. */
export function tidy(root: string): string[] {
  const files = filesUnder(root);
  const problems = files.flatMap((file) => tidyFile(file, readFileSync(join(root, file), "utf8")));
  return [...problems, ...tidyTree(root, files)];
}

function tidyFile(file: string, text: string): string[] {
  if (text.includes("\0")) return [];
  const problems: string[] = [];
  const lines = text.split("\n");
  for (const { rule, text: pattern, where } of FORBIDDEN) {
    if (!where(file)) continue;
    for (const [index, line] of lines.entries()) {
      const found = isPure(file) && rule === "impure room" ? pattern.exec(withoutComment(line)) : pattern.exec(line);
      if (found !== null) problems.push(`${file}:${index + 1}: ${rule}: ${found[0]}`);
    }
  }
  if (!isCode(file) || isFixture(file)) return problems;

  const lineCount = text.endsWith("\n") ? lines.length - 1 : lines.length;
  const linesMax = isScript(file) ? SCRIPT_LINES_MAX : LINES_MAX;
  if (lineCount > linesMax) problems.push(`${file}:${linesMax + 1}: too long: ${lineCount} lines, at most ${linesMax}`);
  // A test's path and names show what it is about.
  if (!isTest(file) && !hasHeader(file, text))
    problems.push(`${file}:1: no header: write in a comment what it owns and what it refuses`);
  if (isTest(file) && !text.includes("expect(")) problems.push(`${file}:1: test without an expectation`);
  return file.endsWith(".ts") ? [...problems, ...tidyImports(file, text, lines)] : problems;
}

function tidyImports(file: string, text: string, lines: readonly string[]): string[] {
  let imports: Import[];
  try {
    imports = importsOf(text);
  } catch {
    return [`${file}:1: does not parse: the compiler shows where`];
  }
  return imports.flatMap(({ path, typesOnly }) => {
    const wrong = judgeImport(file, path, typesOnly);
    return wrong === undefined ? [] : [`${file}:${lineOf(lines, path)}: import of ${path}: ${wrong}`];
  });
}

/** The part of a line that is code; good enough to let prose in comments name a clock. */
function withoutComment(line: string): string {
  return /^\s*(?:\/\*|\*)/.test(line) ? "" : line.replace(/\/\/.*$/, "");
}

function lineOf(lines: readonly string[], path: string): number {
  return lines.findIndex((line) => line.includes(`"${path}"`)) + 1;
}

function hasHeader(file: string, text: string): boolean {
  if (file.endsWith(".ts")) return /^(?:#!.*\n)?\/\*\*/.test(text);
  if (/\.[ch]$/.test(file)) return text.startsWith("/*");
  return /^#!.*\n#/.test(text);
}

interface Import {
  readonly path: string;
  readonly typesOnly: boolean;
}

// With verbatimModuleSyntax (which bun-types lacks) imports that are not used stay, as they do at run time.
const scanner = new Bun.Transpiler({
  loader: "ts",
  tsconfig: JSON.stringify({ compilerOptions: { verbatimModuleSyntax: true } }),
});

/** What a module imports. The scanner drops type imports, so it reads the text again with the word `type` removed. */
export function importsOf(text: string): Import[] {
  const scan = (source: string) => new Set(scanner.scanImports(source.replace(/^#!/, "//")).map(({ path }) => path));
  const values = scan(text);
  const untyped = text.replace(/^(import|export) type (?=[{*]|\w+ from\b)/gm, "$1 ");
  const all = scan(untyped.replace(/([{,]\s*)type (?=\w)/g, "$1"));
  // `import("./x.ts").Name` in the place of a type, which no scanner of run-time imports sees.
  for (const [, path] of text.matchAll(/\bimport\("([^"]+)"\)/g)) all.add(path as string);
  return [...all].map((path) => ({ path, typesOnly: !values.has(path) }));
}

/** What is wrong with an import, undefined when nothing is. */
function judgeImport(file: string, path: string, typesOnly: boolean): string | undefined {
  const room = roomOf(file);
  if (!path.startsWith(".")) return judgePackage(file, room, path);
  if (isTestRoom(file)) return undefined;
  const target = normalize(join(dirname(file), path));
  if (isScript(file)) {
    const allowed = SCRIPT_EXCEPTIONS[file]?.some(
      (one) => target === one || (one.endsWith("/") && target.startsWith(one)),
    );
    return allowed ? undefined : 'scripts import only "bytewitness"';
  }
  if (room === undefined) return undefined;
  const rules = ROOMS[room];
  const targetRoom = roomOf(target);
  if (rules === undefined) return undefined;
  if (rules.files?.includes(target)) return undefined;
  if (targetRoom === undefined) return `${room} may not import from outside the rooms`;
  if (targetRoom === room || rules.values.includes(targetRoom)) return undefined;
  if (rules.types?.includes(targetRoom))
    return typesOnly ? undefined : `${room} may import only types of ${targetRoom}`;
  return `${room} may not import ${targetRoom}`;
}

function judgePackage(file: string, room: string | undefined, path: string): string | undefined {
  if (isTestRoom(file)) {
    return path === "bun:ffi" ? "only src/sys may" : undefined;
  }
  if (path === "bytewitness" || path === "bytewitness/uapi")
    return file.startsWith("scripts/") ? undefined : "only scripts go through the door";
  const allowed = PACKAGES[path] ?? PACKAGES[path.replace(/\/.*/, "")];
  if (allowed !== undefined) {
    return room !== undefined && allowed.includes(room) ? undefined : `only src/${allowed.join(", src/")} may`;
  }
  if (path.startsWith("node:") || path === "bun") {
    if (room !== undefined && ROOMS[room]?.pure) return `${room} is pure`;
    return undefined;
  }
  return "not a package of this project";
}

const isTestRoom = (file: string) => file.startsWith("test/");

/** What no single file shows: rooms, their tests, and the map of commands. */
function tidyTree(root: string, files: readonly string[]): string[] {
  const strange = files.filter((file) => file.includes("/") && !ROOT_DIRECTORIES.has(file.replace(/\/.*/, "")));
  const problems = strange.map((file) => `${file}: in no directory of this repository`);
  const rooms = new Set(files.filter((file) => file.endsWith(".ts")).flatMap((file) => roomOf(file) ?? []));
  for (const room of rooms) {
    if (ROOMS[room] === undefined) problems.push(`src/${room}: unknown room: add it to ROOMS with what it may import`);
    if (!files.some((file) => file.startsWith(`test/${room}/`) && isTest(file))) {
      problems.push(`src/${room}: room without tests: test/${room}/ has none`);
    }
  }
  if (!existsSync(join(root, "package.json"))) return problems;
  const { scripts = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts?: Record<string, string>;
  };
  const commands = Object.values(scripts).flatMap((line) => /^bun (scripts\/\S+\.ts)$/.exec(line)?.[1] ?? []);
  for (const [name, line] of Object.entries(scripts)) {
    const target = /^bun (scripts\/(?:gallery\/)?([^\s/]+)\.ts)$/.exec(line);
    const rightName = target !== null && (name === `${target[2]}.ts` || name === target[2]);
    if (!rightName) problems.push(`package.json: script "${name}" is "${line}", not "bun scripts/${name}"`);
    else if (!files.includes(target[1] as string)) problems.push(`package.json: script "${name}": no ${target[1]}`);
  }
  for (const file of files.filter((file) => isScript(file) && !commands.includes(file))) {
    problems.push(`${file}: not mapped in package.json`);
  }
  return problems;
}

/** The files of the tree, without what others wrote and what .gitignore names by a plain name. */
export function filesUnder(root: string): string[] {
  return filesBelow(root, "", ignoredNames(root)).sort();
}

function filesBelow(root: string, directory: string, ignored: ReadonlySet<string>): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = relative(root, join(root, directory, entry.name));
    if (ignored.has(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(root, path, ignored);
    return entry.isFile() ? [path] : [];
  });
}

function ignoredNames(root: string): Set<string> {
  const path = join(root, ".gitignore");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  return new Set([".git", "node_modules", ...lines.map((line) => line.replace(/^\/|\/$/g, "")).filter(Boolean)]);
}
