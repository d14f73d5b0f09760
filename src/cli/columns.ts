/**
 * The two columns of citty's usage, narrow enough to be read: names on the right of a column that the longest of them do
 * not widen, descriptions folded at the terminal's width.
 *
 * Owns the layout alone. Refuses to fold what is piped: one line for each argument, so that it can be searched.
 */

/** A name longer than this begins where all begin, and pushes its description to the right. */
const NAME_MAX = 30;

/** The gap that citty leaves between a name and its description. */
const ROW = /^ +(?<name>\S.*?) {4}(?<about>.*)$/;

/** `text` with each block of rows laid out anew; `width` is the terminal's, undefined without one. */
export function inColumns(text: string, width?: number): string {
  const lines = text.split("\n");
  const rows = lines.map((line) => ROW.exec(line)?.groups as { name: string; about: string } | undefined);
  const out: string[] = [];
  for (let begin = 0; begin < lines.length; ) {
    const next = rows.indexOf(undefined, begin);
    const end = next < 0 ? lines.length : next;
    if (end === begin) out.push(lines[begin++] as string);
    else out.push(...laidOut(rows.slice(begin, end) as { name: string; about: string }[], width));
    begin = Math.max(begin, end);
  }
  return out.join("\n");
}

function laidOut(
  rows: readonly { readonly name: string; readonly about: string }[],
  width: number | undefined,
): string[] {
  const short = rows.map(({ name }) => Bun.stringWidth(name)).filter((columns) => columns <= NAME_MAX);
  const names = Math.max(0, ...short);
  const indent = 2 + names + 4;
  return rows.flatMap(({ name, about }) => {
    const head = `  ${" ".repeat(Math.max(0, names - Bun.stringWidth(name)))}${name}    `;
    if (width === undefined || width < indent + 20) return [head + about];
    const folded = fold(about.trimEnd(), width - indent);
    const margin = " ".repeat(indent);
    if (Bun.stringWidth(name) > names) return [head.trimEnd(), ...folded.map((line) => margin + line)];
    return folded.map((line, index) => (index === 0 ? head : margin) + line);
  });
}

/** Lines of at most `columns`; a longer word has a line of its own. */
function fold(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) as string;
    if (last === "") lines[lines.length - 1] = word;
    else if (Bun.stringWidth(last) + 1 + Bun.stringWidth(word) <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
