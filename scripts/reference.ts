#!/usr/bin/env bun
/**
 * reference: every name of the public door with its prototype and docstring, as one page.
 *
 *   bun run reference.ts door.md      Markdown
 *   bun run reference.ts door.html    the same as a page for a browser
 *   bun run reference.ts -            Markdown on standard output
 *
 * Never overwrites: a file that is there is an error that names it (254). It reads the sources, through a part of
 * `check`, and lists last the types that prototypes name without being exported.
 */
import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { runCommand, UsageError } from "bytewitness";
import { type DoorEntry, doorEntries, typesBehind } from "./check/door.ts";

const STYLE =
  "body{max-width:60em;margin:2em auto;font:16px/1.5 system-ui}pre{background:#f4f4f4;padding:.6em;overflow-x:auto}";

/** The few forms that referenceMarkdown writes: headings, code, lists, paragraphs. */
function html(markdown: string): string {
  const escaped = markdown.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const inline = (text: string) => text.replace(/`([^`]+)`/g, "<code>$1</code>");
  const parts = escaped.split(/^```(?:ts)?$/m).map((part, index) => {
    if (index % 2 === 1) return `<pre>${part.trim()}</pre>`;
    const blocks = part.trim().split(/\n{2,}/);
    return blocks
      .map((block) => {
        const heading = /^(#+) (.*)$/.exec(block);
        if (heading !== null) return `<h${heading[1]?.length}>${heading[2]}</h${heading[1]?.length}>`;
        if (block.startsWith("- ")) return `<ul>${inline(block).replace(/^- (.*)$/gm, "<li>$1</li>")}</ul>`;
        return block === "" ? "" : `<p>${inline(block)}</p>`;
      })
      .join("\n");
  });
  return `<!doctype html><meta charset="utf-8"><title>bytewitness</title><style>${STYLE}</style>\n${parts.join("\n")}\n`;
}

const names = (entries: readonly DoorEntry[]) => entries.map(({ name }) => `\`${name}\``).join(", ");

/** The reference as one page of Markdown. */
function referenceMarkdown(root: string): string {
  const door = doorEntries(root);
  const entries = [...door, ...typesBehind(root, door)];
  const blocks = [...new Set(entries.map(({ block }) => block))];
  const lines = [
    "# bytewitness: the door",
    "",
    `${door.length} names, from their docstrings. Constants: \`bytewitness/uapi\`.`,
    "",
    ...blocks.map((block) => `- ${block}: ${names(entries.filter((one) => one.block === block))}`),
    "",
  ];
  for (const block of blocks) {
    lines.push(`## ${block}`, "");
    for (const entry of entries.filter((one) => one.block === block)) {
      lines.push(`### ${entry.name}`, "", "```ts", entry.signature, "```", "", entry.doc, "");
      for (const { signature, doc } of entry.members) lines.push(`- \`${signature}\`${doc === "" ? "" : `: ${doc}`}`);
      lines.push(...(entry.members.length > 0 ? [""] : []), `${entry.source}`, "");
    }
  }
  return lines.join("\n");
}

await runCommand({
  name: "reference",
  summary: "every name of the public door with its prototype and docstring, as one page",
  positionals: { file: { kind: "text", default: "-", description: "FILE.md or FILE.html, or - for standard output" } },
  run: ({ args, print }) => {
    const markdown = referenceMarkdown(dirname(import.meta.dir));
    if (args.file === "-") {
      print(markdown);
      return 0;
    }
    if (!/\.(md|html)$/.test(args.file)) throw new UsageError(`"${args.file}" must end in .md or .html, or be -`);
    try {
      writeFileSync(args.file, args.file.endsWith(".html") ? html(markdown) : markdown, { flag: "wx" });
    } catch (error) {
      throw new UsageError(`"${args.file}" cannot be written: ${(error as NodeJS.ErrnoException).code}`);
    }
    print(`wrote ${args.file}`);
    return 0;
  },
});
