/** The help text of a reproducer, laid out like a man page's SYNOPSIS and OPTIONS. Pure. */
import { EXIT } from "../report/document.ts";
import { type ArgumentSpec, type ArgumentSpecs, flagName, positionalName } from "./args.ts";

function valueText(name: string, spec: ArgumentSpec): string {
  if (spec.kind === "flag") return "";
  if (spec.kind === "choice") return ` ${spec.choices.join("|")}`;
  const unit = { path: "PATH", text: "TEXT", count: "N", size: "SIZE", duration: "TIME" }[spec.kind];
  return ` ${unit === "TEXT" ? positionalName(name) : unit}`;
}

function defaultText(spec: ArgumentSpec): string {
  return "default" in spec && spec.default !== undefined ? ` [${spec.default}]` : "";
}

function wrapped(text: string, indent: number, columns: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join(`\n${" ".repeat(indent)}`);
}

export function helpText(
  tool: { readonly name: string; readonly summary: string; readonly description?: string },
  specs: { readonly positionals: ArgumentSpecs; readonly options: ArgumentSpecs },
): string {
  const positionals = Object.entries(specs.positionals);
  const options = Object.entries(specs.options).filter(([name]) => !(name in specs.positionals));
  const synopsis = positionals.map(([name, spec]) => {
    const text = positionalName(name) + ("default" in spec && spec.default !== undefined ? `=${spec.default}` : "");
    return spec.kind !== "flag" && (spec.optional === true || spec.default !== undefined) ? `[${text}]` : text;
  });
  const lines = [
    `${tool.name}: ${tool.summary}`,
    "",
    `usage: bun run ${tool.name}.ts ${[...synopsis, "[flags]"].join(" ")}`,
  ];
  if (tool.description !== undefined)
    lines.push("", tool.description.includes("\n") ? tool.description : wrapped(tool.description, 0, 100));
  if (positionals.length > 0) {
    lines.push("", "Arguments (each also by name, as a flag):");
    for (const [name, spec] of positionals) {
      lines.push(
        `  ${positionalName(name)}, ${flagName(name)}`,
        `      ${wrapped(spec.description + defaultText(spec), 6, 100)}`,
      );
    }
  }
  lines.push("", "Flags:");
  for (const [name, spec] of options) {
    lines.push(
      `  ${flagName(name)}${valueText(name, spec)}`,
      `      ${wrapped(spec.description + defaultText(spec), 6, 100)}`,
    );
  }
  lines.push(
    "",
    "Sizes take KiB, MiB, GiB (bare numbers are bytes); times take ms, s, m (bare numbers are seconds).",
    `Exit codes: ${EXIT.clean} verified and clean, ${EXIT.corrupt} corruption found, ${EXIT.inconclusive} skipped or inconclusive,`,
    `${EXIT.badArguments} bad arguments, ${EXIT.ownFailure} our own failure, 130 and 143 after SIGINT and SIGTERM.`,
    "",
  );
  return lines.join("\n");
}
