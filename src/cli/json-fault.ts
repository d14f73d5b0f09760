/**
 * Where a text stops being JSON: the place that JSON.parse does not name.
 *
 * Owns the grammar of RFC 8259 as far as finding the first wrong character takes. Makes no values.
 */

const TOKEN =
  /([{}[\],:])|("(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/uy;
const SPACE = /[ \t\r\n]*/y;

/** What may come next: a value, the end of a container, a key, a colon, a comma, or nothing. */
type Due = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end" | "nothing";

/** The offset of the first character that cannot be there, the text's length where something is missing; undefined for JSON. */
export function jsonFault(text: string): number | undefined {
  const open: ("{" | "[")[] = [];
  let due: Due = "value";
  for (let at = 0; ; ) {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)?.[0].length ?? 0;
    if (at >= text.length) return due === "nothing" ? undefined : at;
    TOKEN.lastIndex = at;
    const [token = "", mark, string, scalar] = TOKEN.exec(text) ?? [];
    // A string or a word that the end of the text cuts off.
    if (token === "") return isCut(text.slice(at)) ? text.length : at;
    const next = after(due, { mark, string, scalar }, open);
    if (next === undefined) return at;
    due = next;
    at += token.length;
  }
}

function after(
  due: Due,
  { mark, string, scalar }: { mark: string | undefined; string: string | undefined; scalar: string | undefined },
  open: ("{" | "[")[],
): Due | undefined {
  const closed = (): Due => {
    open.pop();
    return open.length === 0 ? "nothing" : ", or end";
  };
  if (due === "value" || due === "value or ]") {
    if (string !== undefined || scalar !== undefined) return open.length === 0 ? "nothing" : ", or end";
    if (mark === "]" && due === "value or ]") return closed();
    if (mark !== "{" && mark !== "[") return undefined;
    open.push(mark);
    return mark === "{" ? "key or }" : "value or ]";
  }
  if (due === "key" || due === "key or }") {
    if (mark === "}" && due === "key or }") return closed();
    return string === undefined ? undefined : ":";
  }
  if (due === ":") return mark === ":" ? "value" : undefined;
  if (due === "nothing") return undefined;
  if (mark === ",") return open.at(-1) === "{" ? "key" : "value";
  if ((mark === "}" && open.at(-1) === "{") || (mark === "]" && open.at(-1) === "[")) return closed();
  return undefined;
}

function isCut(rest: string): boolean {
  if (rest.startsWith('"')) return /^"(?:[ !#-[\]-\u{10ffff}]|\\.?|\\u[0-9a-fA-F]{0,4})*$/u.test(rest);
  return rest === "-" || ["true", "false", "null"].some((word) => word.startsWith(rest));
}
