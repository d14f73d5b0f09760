/**
 * Command lines, strictly: every word is declared, or one line states what is wrong with it and what to do.
 *
 * Owns the canonical form `--name=value`, which citty's parser cannot misread, and the refusal of flags that have no
 * effect together, by what each declares (`onlyWith`, `conflicts`). Refuses to convert values twice: args.ts knows the
 * kinds.
 */
import {
  type ArgumentSpec,
  type ArgumentSpecs,
  type Condition,
  convert,
  type Definitions,
  flagName,
  pathBytes,
  positionalName,
  UsageError,
} from "./args.ts";

/** A command line in the form `--name=value` (flags: `--name`), one word for each argument that was given. */
export interface Canonical {
  readonly words: readonly string[];
  readonly given: ReadonlySet<string>;
  /** The texts of arguments that may be given many times: citty's flags hold one. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

/** Throws UsageError for a word that is not declared, a missing value, a value given twice or a missing argument. */
export function strict(argv: readonly string[], definitions: Definitions): Canonical {
  const all: ArgumentSpecs = { ...definitions.positionals, ...definitions.options };
  const byFlag = new Map(Object.keys(all).map((name) => [flagName(name), name] as const));
  const waiting = Object.keys(definitions.positionals);
  const texts = new Map<string, string | undefined>();
  const lists: Record<string, string[]> = {};
  const rest = [...argv];
  let flagsEnded = false;
  const take = (name: string, text: string | undefined, shown: string) => {
    const many = isMany(all[name]);
    if (texts.has(name) && !many) throw new UsageError(`${shown} was given twice`);
    if (many && text !== undefined) lists[name] = [...(lists[name] ?? []), text];
    if (text !== undefined) convert(all[name] as ArgumentSpec, text, shown);
    texts.set(name, text);
  };
  for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
    if (token === "--" && !flagsEnded) {
      flagsEnded = true;
    } else if (token === "-" || !token.startsWith("-") || isNumber(token, all[waiting[0] ?? ""])) {
      const name = isMany(all[waiting[0] ?? ""]) ? waiting[0] : waiting.shift();
      if (name === undefined) {
        throw new UsageError(`unexpected argument ${JSON.stringify(token)}; --help shows what can be given`);
      }
      take(name, token, positionalName(name));
    } else if (flagsEnded || !/^--?[A-Za-z]/.test(token)) {
      throw new UsageError(`${JSON.stringify(token)} begins with "-": write ./${token} for a path of that name`);
    } else {
      const [flag, inline] = splitOnce(token);
      const name = byFlag.get(flag);
      if (name === undefined) throw unknownFlag(flag, [...byFlag.keys()]);
      if (all[name]?.kind === "flag") {
        if (inline !== undefined) throw new UsageError(`${flag} takes no value`);
        take(name, undefined, flag);
      } else {
        take(name, inline ?? nextValue(flag, rest), flag);
      }
    }
  }
  refuseMissing(definitions, texts);
  const words = [...texts].map(([name, text]) => (text === undefined ? `--${name}` : `--${name}=${text}`));
  return { words, given: new Set(texts.keys()), lists };
}

function isMany(spec: ArgumentSpec | undefined): boolean {
  return spec !== undefined && "many" in spec && spec.many === true;
}

/** "-1" where a number is due: its kind reports what is wrong with it. */
function isNumber(token: string, due: ArgumentSpec | undefined): boolean {
  return /^-\d/.test(token) && due !== undefined && ["count", "size", "duration"].includes(due.kind);
}

function splitOnce(token: string): [string, string | undefined] {
  const at = token.indexOf("=");
  return at < 0 ? [token, undefined] : [token.slice(0, at), token.slice(at + 1)];
}

/** The word after a flag; one that looks like a flag is not taken for a value (numbers are: their kind refuses them). */
function nextValue(flag: string, rest: string[]): string {
  const next = rest[0];
  if (next === undefined) throw new UsageError(`${flag} needs a value`);
  if (next.length > 1 && next.startsWith("-") && !/^-\d/.test(next)) {
    throw new UsageError(`${flag} needs a value, not ${next}; write ${flag}=${next} if it is one`);
  }
  return rest.shift() as string;
}

function unknownFlag(flag: string, declared: readonly string[]): UsageError {
  const near = nearest(flag, declared);
  const meant = near === undefined ? "" : ` (did you mean ${near}?)`;
  const path = flag.startsWith("--") ? "" : `; write ./${flag} for a path of that name`;
  return new UsageError(`unknown flag ${flag}${meant}; --help lists the flags${path}`);
}

/** The name nearest to a mistyped one: at most two letters away, or with the same beginning. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const alike = names.find((name) => typed.length > 4 && name.startsWith(typed.slice(0, 5)));
  if (alike !== undefined) return alike;
  const letters = typed.replace(/^-+/, "").length;
  const [best] = names
    .map((name) => ({ name, far: distance(typed, name) }))
    .filter(({ far }) => far <= Math.min(2, Math.floor(letters / 2)))
    .sort((a, b) => a.far - b.far);
  return best?.name;
}

/** Levenshtein's distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}

function refuseMissing(definitions: Definitions, texts: ReadonlyMap<string, unknown>): void {
  const check = (specs: ArgumentSpecs, shown: (name: string) => string) => {
    for (const [name, spec] of Object.entries(specs)) {
      if (texts.has(name) || spec.kind === "flag" || spec.default !== undefined || spec.optional === true) continue;
      throw new UsageError(`${shown(name)} is missing: ${spec.description}`);
    }
  };
  check(definitions.positionals, positionalName);
  check(definitions.options, flagName);
}

/** The values as the kinds make them, of the texts that citty parsed; paths as the bytes that the kernel has. */
export function typedValues(
  definitions: Definitions,
  texts: Readonly<Record<string, unknown>>,
  lists: Canonical["lists"] = {},
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries({ ...definitions.positionals, ...definitions.options })) {
    // Asking citty's values for what is not there makes it try other spellings of the name.
    const given = Object.hasOwn(texts, name) ? texts[name] : undefined;
    const text = given ?? ("default" in spec ? spec.default : undefined);
    const read = (one: unknown) => {
      const value = convert(spec, String(one), flagName(name));
      return spec.kind === "path" ? pathBytes(String(value)) : value;
    };
    if (spec.kind === "flag") values[name] = text === true;
    else if (isMany(spec)) values[name] = (lists[name] ?? (text === undefined ? [] : [text])).map(read);
    else if (text !== undefined) values[name] = read(text);
  }
  return values;
}

/** All three steps, for commands that are not at the front desk: words to values, or a UsageError. */
export function parseArguments(argv: readonly string[], definitions: Definitions): Record<string, unknown> {
  const { words, given, lists } = strict(argv, definitions);
  const texts = words.map((word) => splitOnce(word.slice(2))).map(([name, text]) => [name, text ?? true]);
  const values = typedValues(definitions, Object.fromEntries(texts), lists);
  const wrong = contradiction(definitions, values, given);
  if (wrong !== undefined) throw new UsageError(wrong);
  return values;
}

/** What is wrong with arguments that are good one by one, by their declarations; undefined when nothing is. */
export function contradiction(
  definitions: Definitions,
  values: Readonly<Record<string, unknown>>,
  given: ReadonlySet<string>,
): string | undefined {
  const all: ArgumentSpecs = { ...definitions.positionals, ...definitions.options };
  for (const name of given) {
    const { onlyWith, conflicts = [] } = all[name] as ArgumentSpec;
    const other = isDefault(all[name], values[name]) ? undefined : conflicts.find((conflict) => given.has(conflict));
    if (other !== undefined) return together(Object.keys(all).filter((known) => known === name || known === other));
    if (onlyWith === undefined) continue;
    const conditions: readonly Condition[] = Array.isArray(onlyWith) ? onlyWith : [onlyWith as Condition];
    if (conditions.some((condition) => holds(condition, values))) continue;
    return `${flagName(name)} has no effect ${without(conditions, values)}`;
  }
  return undefined;
}

function isDefault(spec: ArgumentSpec | undefined, value: unknown): boolean {
  if (spec === undefined || !("default" in spec) || spec.default === undefined) return false;
  return convert(spec, String(spec.default), "") === value;
}

function together(names: readonly string[]): string {
  return `${names.map(flagName).join(" and ")} cannot be given together`;
}

function holds(condition: Condition, values: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(condition).every(([name, wanted]) => fits(values[name], wanted));
}

function fits(value: unknown, wanted: Condition[string]): boolean {
  if (wanted === true) return value !== undefined && value !== false;
  if (typeof wanted === "string") return value === wanted;
  if ("not" in wanted) return value !== undefined && ![wanted.not].flat().includes(String(value));
  if ("kind" in wanted) return wanted.kind.includes(String(value).split(":", 1)[0] ?? "");
  return wanted.includes(String(value));
}

/** "without --inject", "with --door write: it needs --door uring-append or uring-offset". */
function without(conditions: readonly Condition[], values: Readonly<Record<string, unknown>>): string {
  const failing = conditions.flatMap((condition) =>
    Object.entries(condition).filter(([name, wanted]) => !fits(values[name], wanted)),
  );
  const wanted = [...new Set(failing.map(([name, value]) => wantedText(name, value)))].join(", or ");
  const present = failing.find(([name]) => typeof values[name] === "string");
  if (present === undefined) return `without ${wanted}`;
  return `with ${flagName(present[0])} ${values[present[0]]}: it needs ${wanted}`;
}

function wantedText(name: string, wanted: Condition[string]): string {
  const flag = flagName(name);
  if (wanted === true) return flag;
  if (typeof wanted === "string") return `${flag} ${wanted}`;
  if ("not" in wanted) return `${flag} (not ${[wanted.not].flat().join(" or ")})`;
  if ("kind" in wanted) return `${flag} ${wanted.kind.join(" or ")}`;
  return `${flag} ${wanted.join(" or ")}`;
}
