/**
 * What no single file shows about declarations: exports that nothing imports, and names that mean two things.
 *
 * Owns reading the export and import statements of a tree; knows the tables that are transcribed whole. Refuses to look
 * into functions: a value counts as used when another file imports it, or when a namespace or dynamic import brings the
 * whole module. A type may be exported for its function's signature.
 */
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

interface Declared {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly isExported: boolean;
  readonly isType: boolean;
  /** A type or a class: its name defines what a thing is. Verbs may be the same in several rooms. */
  readonly isThing: boolean;
}

/** Transcribed from the kernel's headers and liburing's: proven whole, used as needed. */
const TRANSCRIBED = /^src\/(?:sys\/uapi\/|uapi\.ts)/;

const DECLARATION =
  /^(export )?(?:declare )?(?:abstract )?(async function\*?|function\*?|class|const|let|interface|type|enum) (\w+)/gm;

function declarationsOf(file: string, text: string): Declared[] {
  return [...text.matchAll(DECLARATION)].map((match) => ({
    name: match[3] as string,
    file,
    isExported: match[1] !== undefined,
    line: text.slice(0, match.index).split("\n").length,
    isType: /^(?:interface|type)$/.test(match[2] as string),
    isThing: /^(?:class|interface|type)$/.test(match[2] as string),
  }));
}

/** What the files of a tree import by name, as "path name"; "path *" where a whole module is taken. */
function importsOf(file: string, text: string): string[] {
  const target = (path: string) => normalize(join(dirname(file), path));
  const found: string[] = [];
  const named = /\b(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s*"(\.[^"]+)"/g;
  for (const [, names = "", path = ""] of text.matchAll(named)) {
    for (const one of names.split(",")) {
      const name = /^\s*(?:type\s+)?(\w+)/.exec(one)?.[1];
      if (name !== undefined) found.push(`${target(path)} ${name}`);
    }
  }
  for (const [, path = ""] of text.matchAll(/\b(?:import|export)\s+(?:type\s+)?\*[^"]*from\s*"(\.[^"]+)"/g))
    found.push(`${target(path)} *`);
  const taken = /(?:const|let)\s+\{([^}]*)\}\s*=\s*await import\("(\.[^"]+)"\)/g;
  const dynamic = new Set<string>();
  for (const [, names = "", path = ""] of text.matchAll(taken)) {
    dynamic.add(path);
    for (const one of names.split(",")) found.push(`${target(path)} ${/\w+/.exec(one)?.[0] ?? "*"}`);
  }
  for (const [, path = "", member] of text.matchAll(/\bimport\("(\.[^"]+)"\)(?:\.(\w+))?/g)) {
    if (member !== undefined && member !== "then") found.push(`${target(path)} ${member}`);
    else if (!dynamic.has(path)) found.push(`${target(path)} *`);
  }
  // `import(`../src/bench/${name}.ts`)` takes any file there.
  for (const [, path = ""] of text.matchAll(/\bimport\(`(\.[^`$]*)\/\$\{/g)) found.push(`${target(path)}/ *`);
  // A Worker or a script of its own is named by its path.
  for (const [, path = ""] of text.matchAll(/new URL\("(\.[^"]+)", import\.meta\.url\)/g))
    found.push(`${target(path)} *`);
  return found;
}

/** Problems about the exports of `files` under `root`. */
export function exportProblems(root: string, files: readonly string[]): string[] {
  const sources = files.filter((file) => /^(?:src|scripts|test)\/.*\.(?:ts|js|txt)$/.test(file));
  const texts = new Map(sources.map((file) => [file, readFileSync(join(root, file), "utf8")]));
  const used = new Set([...texts].flatMap(([file, text]) => importsOf(file, text)));
  const own = [...texts]
    .filter(([file]) => file.startsWith("src/"))
    .flatMap(([file, text]) => declarationsOf(file, text));
  const tests = [...texts].flatMap(([file, text]) => (file.startsWith("test/") ? [text] : [])).join("\n");
  // Tests also import by paths that they put together.
  const named = (name: string) => new RegExp(`\\bimport \\{[^}]*\\b${name}\\b`).test(tests);
  const isUsed = ({ name, file }: Declared) =>
    [`${file} ${name}`, `${file} *`, `${dirname(file)}/ *`].some((use) => used.has(use)) || named(name);
  const dead = own.filter((one) => one.isExported && !one.isType && !TRANSCRIBED.test(one.file) && !isUsed(one));
  return [
    ...dead.map(({ file, line, name }) => `${file}:${line}: dead export: nothing imports ${name}`),
    ...twice(own.filter(({ file, isThing }) => isThing && !TRANSCRIBED.test(file))),
  ];
}

/** Exported or not: who reads two files meets the name twice. */
function twice(own: readonly Declared[]): string[] {
  const byName = Map.groupBy(own, ({ name }) => name);
  return [...byName].flatMap(([name, all]) => {
    const files = new Set(all.map(({ file }) => file));
    if (files.size < 2) return [];
    const [first, ...others] = all as [Declared, ...Declared[]];
    return others.map(
      ({ file, line }) => `${file}:${line}: ${name} is also the name of something else: ${first.file}:${first.line}`,
    );
  });
}
