/**
 * The public door as data: its names in their blocks, with prototype and docstring, read from the sources.
 *
 * Owns the reading of src/index.ts and of the declarations that it names, and the problems about names without a
 * docstring. Refuses to import the door: what is documented is what the files contain.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

export interface DoorEntry {
  readonly name: string;
  /** The heading of the block in src/index.ts. */
  readonly block: string;
  /** File and line of the declaration. */
  readonly source: string;
  readonly kind: "function" | "class" | "const" | "interface" | "type" | "namespace";
  /** False for what is exported as a type only, a class among them. */
  readonly isValue: boolean;
  /** The declaration without its body. */
  readonly signature: string;
  /** The docstring as text; empty when there is none. */
  readonly doc: string;
  /** Methods, fields or members, for classes, interfaces and namespaces. */
  readonly members: readonly { readonly name: string; readonly signature: string; readonly doc: string }[];
}

const DOOR = "src/index.ts";

/** Every name that the door exports, in its order. */
export function doorEntries(root: string): DoorEntry[] {
  const entries: DoorEntry[] = [];
  let block = "";
  const text = readFileSync(join(root, DOOR), "utf8");
  const statement =
    /^\/\/ ── (?<block>.+?) ─*$|^export (?<types>type )?(?:\{(?<names>[^}]*)\}|\* as (?<space>\w+)) from "(?<path>[^"]+)";/gm;
  for (const { groups } of text.matchAll(statement)) {
    if (groups?.block !== undefined) block = groups.block.trim();
    if (groups?.path === undefined) continue;
    const file = join(root, dirname(DOOR), groups.path);
    if (groups.space !== undefined) entries.push(namespaceEntry(root, file, { name: groups.space, block }));
    for (const one of (groups.names ?? "").split(",").map((text) => text.trim())) {
      const entry = one === "" ? undefined : declared(root, file, one.replace(/^type /, ""));
      const isType = groups.types !== undefined || one.startsWith("type ");
      if (entry !== undefined) entries.push({ ...entry, block, isValue: entry.isValue && !isType });
    }
  }
  return entries;
}

/** What is wrong with the door: a name without a docstring, one that is not found, an `export *`. */
export function doorProblems(root: string): string[] {
  if (!existsSync(join(root, DOOR))) return [];
  const star = /^export \* from "([^"]+)"/m.exec(readFileSync(join(root, DOOR), "utf8"));
  const whole = star === null ? [] : [`${DOOR}: exports everything of ${star[1]}: name what reproducers need`];
  const entries = doorEntries(root);
  const bare = entries.filter(({ doc }) => doc === "");
  return [
    ...whole,
    ...bare.map(({ name, source }) => `${source}: ${name} is in the public door without a docstring`),
    ...entries.filter(({ block }) => block.startsWith("calls")).flatMap(argumentProblems),
  ];
}

/** Types of values that could be exchanged without the compiler's notice: numbers, words, flags. */
const PLAIN = /^(?:number|string|boolean|bigint|"[^"]*"|\w*(?:Flags|Mode|How|Events)|Whence|Advice|Protection)\b/;

/**
 * The one style of arguments: things first (descriptors, paths, buffers, mappings), then one object that names the rest.
 * A verb of one argument may take a plain value.
 */
function argumentProblems(entry: DoorEntry): string[] {
  const verbs = entry.kind === "function" ? [entry] : entry.kind === "namespace" ? entry.members : [];
  return verbs.flatMap(({ signature }) => {
    const [, name = "", list = ""] =
      /^(?:async )?function (\w+)(?:<[^(]*>)?\(([\s\S]*?)\)(?::|$)/.exec(signature) ?? [];
    const wrong = parameters(list)
      .slice(1)
      .filter((one) => PLAIN.test(one.replace(/^\w+\??:? ?/, "")) || / = [\d"A-Z]/.test(one));
    return wrong.map((one) => `${entry.source}: ${name}: ${one}: what is not a thing goes into the options`);
  });
}

/** The parameters of a list, divided at its outer commas. */
function parameters(list: string): string[] {
  let depth = 0;
  const parts = [""];
  for (const char of list) {
    if ("({[<".includes(char)) depth += 1;
    if (")}]>".includes(char)) depth -= 1;
    if (char === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

const DECLARATION = (name: string) =>
  new RegExp(
    `(?<doc>/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\n)?(?<head>^(?:export )?(?:declare )?(?:abstract )?(?<kind>async function|function|class|const|interface|type) ${name}\\b)`,
    "m",
  );

/** The declaration of `name` in `file`, or in the file that it is exported again from. */
function declared(root: string, file: string, name: string): DoorEntry {
  const text = readFileSync(file, "utf8");
  const found = DECLARATION(name).exec(text);
  const groups = found?.groups;
  if (found === null || groups?.head === undefined) {
    const again = new RegExp(`export (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "([^"]+)"`).exec(text);
    if (again === null) throw new Error(`${relative(root, file)} does not declare ${name}`);
    return declared(root, join(dirname(file), again[1] as string), name);
  }
  const at = found.index + (groups.doc?.length ?? 0);
  const line = text.slice(0, at).split("\n").length;
  const kind = groups.kind?.replace("async ", "") as DoorEntry["kind"];
  return {
    ...{ name, block: "", kind, isValue: kind !== "interface" && kind !== "type" },
    ...{ source: `${relative(root, file)}:${line}`, doc: plainDoc(groups.doc ?? "") },
    signature: signatureAt(text, at, kind),
    members: kind === "class" || kind === "interface" ? membersOf(text.slice(at)) : [],
  };
}

function namespaceEntry(root: string, file: string, { name, block }: { name: string; block: string }): DoorEntry {
  const text = readFileSync(file, "utf8");
  const names = [...text.matchAll(/^export (?:async )?function (\w+)/gm)].map((match) => match[1] as string);
  const again = /^export \{([^}]*)\} from "([^"]+)"/gm;
  const members = [
    ...names.map((one) => declared(root, file, one)),
    ...[...text.matchAll(again)].flatMap(([, list = "", path = ""]) =>
      list.split(",").map((one) => renamed(root, join(dirname(file), path), one.trim())),
    ),
  ];
  const doc = plainDoc(/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "");
  const signature = `import { ${name} } from "bytewitness"; // ${members.map((one) => `${name}.${one.name}`).join(", ")}`;
  return {
    name,
    block,
    kind: "namespace",
    isValue: true,
    source: `${relative(root, file)}:1`,
    doc,
    signature,
    members,
  };
}

/** `original as name`, out of a list of names that are exported again. */
function renamed(root: string, file: string, text: string): DoorEntry {
  const [original = "", name = original] = text.split(" as ");
  const entry = declared(root, file, original);
  return { ...entry, name, signature: entry.signature.replace(original, name) };
}

/** From the declaration to where its body or value begins: the first `{`, `=` or `;` outside parentheses and types. */
function signatureAt(source: string, at: number, kind: DoorEntry["kind"]): string {
  // What ends a declaration is looked for outside of comments; those of a type's own alternatives are shown.
  const text = source.replace(/\/\*[\s\S]*?\*\//g, (comment) => " ".repeat(comment.length));
  const value = kind === "const" ? /^export const \w+(?:: [^=;]+)? = [^;\n]{1,60}(?=;)/.exec(text.slice(at)) : null;
  if (value !== null) return value[0].replace("export ", "");
  let depth = 0;
  let end = at;
  for (; end < text.length; end += 1) {
    const char = text[end] as string;
    if (char === "(" || char === "[" || char === "<") depth += 1;
    else if (char === ")" || char === "]" || (char === ">" && text[end - 1] !== "=")) depth -= 1;
    else if (depth > 0) continue;
    else if (char === ";" || (char === "=" && text[end + 1] !== ">" && kind !== "type")) break;
    else if (char === "{" && kind !== "type" && !/[:|&]\s*$/.test(text.slice(at, end))) break;
    else if (char === "{") end = closing(text, end);
  }
  return (kind === "type" ? source : text)
    .slice(at, end)
    .replace(/^export /, "")
    .replace(/^ *\n/gm, "")
    .trim();
}

function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}

/** Public members, constructors among them: what is indented by two and neither `#name` nor `private`. */
function membersOf(declaration: string): DoorEntry["members"] {
  const body = declaration.slice(0, /^\}/m.exec(declaration)?.index ?? declaration.length);
  const member =
    /(?<doc>^ {2}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^ {2}(?<head>(?!private|#|(?:readonly |static |async |get )+#|\}|\)|\*|\/)[\w[])/gm;
  return [...body.matchAll(member)].map(({ groups, index, 0: whole }) => {
    const signature = oneLine(memberSignature(body.slice(index + whole.length - 1)));
    return {
      name: /^(?:readonly |static |async |get |override )*(\[?[\w.]+)/.exec(signature)?.[1] ?? "",
      signature,
      doc: plainDoc(groups?.doc ?? ""),
    };
  });
}

/** To where the member's body, value or line ends, outside of the parentheses and braces of a type. */
function memberSignature(text: string): string {
  let depth = 0;
  for (let end = 0; end < text.length; end += 1) {
    const char = text[end] as string;
    const before = text.slice(0, end);
    const isBody = char === "{" && before.includes(")") && !/(?:[:|&<,(]|=>|readonly)\s*$/.test(before);
    if (depth === 0 && (char === ";" || char === "\n" || isBody)) return before;
    if (depth === 0 && char === "=" && !/^=(?:>| [\w"]+;)/.test(text.slice(end, end + 40))) return before;
    if ("([{".includes(char)) depth += 1;
    if (")]}".includes(char)) depth -= 1;
  }
  return text;
}

const oneLine = (text: string) =>
  text
    .replace(/\s*\n\s*/g, " ")
    .replaceAll("( ", "(")
    .replaceAll(/,? \)/g, ")")
    .trim();

/** The text of a docstring, its lines joined, paragraphs and lists kept. */
function plainDoc(comment: string): string {
  const lines = comment
    .replace(/^\s*\/\*\*|\*\/\s*$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  return lines
    .join("\n")
    .trim()
    .replace(/([^\n])\n(?![\n-])/g, "$1 ");
}

/** Types that the prototypes of `entries` name and that the door does not export, and what those name in turn. */
export function typesBehind(root: string, entries: readonly DoorEntry[]): DoorEntry[] {
  const known = new Set(entries.map(({ name }) => name));
  const found: DoorEntry[] = [];
  const waiting = [...entries];
  for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
    const shown = [entry.signature, ...entry.members.map(({ signature }) => signature)].join("\n");
    for (const name of new Set(shown.replace(/\/\*[\s\S]*?\*\/|"[^"]*"/g, "").match(/\b[A-Z]\w*[a-z]\w*\b/g))) {
      if (known.has(name)) continue;
      known.add(name);
      const behind = declaredBehind(root, join(root, entry.source.replace(/:\d+$/, "")), name);
      if (behind === undefined) continue;
      found.push({ ...behind, block: BEHIND });
      waiting.push(behind);
    }
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The heading under which types are listed that no script imports. */
const BEHIND = "types that these prototypes name, not exported";

/** `name` as `file` declares or imports it; undefined for what is the language's own, or a type parameter. */
function declaredBehind(root: string, file: string, name: string): DoorEntry | undefined {
  const text = readFileSync(file, "utf8");
  if (DECLARATION(name).test(text)) return declared(root, file, name);
  const from = new RegExp(`^import [^;]*\\b${name}\\b[^;]*? from "(\\.[^"]+)"`, "m").exec(text)?.[1];
  return from === undefined ? undefined : declared(root, join(dirname(file), from), name);
}
