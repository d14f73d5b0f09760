/**
 * Files that import each other in a circle: which of them is loaded first then decides what works.
 *
 * Owns following the values that files import from each other when they are loaded. Refuses to count types, which are gone
 * by then, and `await import(…)`, which waits for its file.
 */
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Files that `text`, the contents of `file`, imports values from as it is loaded. */
function loadedBy(file: string, text: string): string[] {
  const statement = /^(?:import|export)\s+(?!type\b)(?:([^"';]*?)\s+from\s+)?"(\.[^"]+)";/gm;
  return [...text.matchAll(statement)]
    .filter(([, names = ""]) => !onlyTypes(names))
    .map(([, , path = ""]) => normalize(join(dirname(file), path)));
}

function onlyTypes(names: string): boolean {
  const list = /^\{([^}]*)\}$/s.exec(names.trim())?.[1]?.split(",") ?? [];
  const each = list.map((name) => name.trim()).filter((name) => name !== "");
  return each.length > 0 && each.every((name) => name.startsWith("type "));
}

/** One line for each circle of `files` under `root`, by its first file in their order. */
export function circleProblems(root: string, files: readonly string[]): string[] {
  const code = files.filter((file) => /^(?:src|scripts)\/.*\.ts$/.test(file));
  const loads = new Map(code.map((file) => [file, loadedBy(file, readFileSync(join(root, file), "utf8"))]));
  const done = new Set<string>();
  const problems: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const from = path.indexOf(file);
    if (from >= 0) problems.push(`${file}: import circle: ${[...path.slice(from), file].join(" -> ")}`);
    if (from >= 0 || done.has(file)) return;
    for (const next of loads.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of code) visit(file, []);
  return problems;
}
