/**
 * Shell completion from the same definitions that parse the command line: what may come next.
 *
 * Owns the suggestions for the last word of a command line (subcommands, flags not given yet, choices) and the scripts for
 * bash, zsh and fish that ask for them: they run the command itself with BYTEWITNESS_COMPLETE set, and it prints a
 * candidate and its description on each line, and ends 0 without doing anything else. No suggestions means file names.
 */
import { type ArgumentSpec, type ArgumentSpecs, flagName } from "./args.ts";
import type { SubCommand, Tool } from "./tool.ts";

export interface Suggestion {
  readonly word: string;
  readonly about: string;
}

/** The suggestions for the last of `argv`, the words after the command's name. */
export async function suggestions(tool: Tool, argv: readonly string[], always: ArgumentSpecs): Promise<Suggestion[]> {
  const words = argv.slice(0, -1);
  const typed = argv.at(-1) ?? "";
  const [first] = words;
  const below = first === undefined ? undefined : ownOf(tool.subCommands, first);
  if (below !== undefined) return suggestions(await loaded(below), argv.slice(1), always);
  if (words.includes("--")) return [];
  const specs: ArgumentSpecs = { ...tool.definitions.positionals, ...tool.definitions.options, ...always };
  const byFlag = new Map(Object.entries(specs).map(([name, spec]) => [flagName(name), spec]));
  const joined = /^(--[^=]+)=/.exec(typed)?.[1];
  const asked = byFlag.get(joined ?? words.at(-1) ?? "");
  if (asked !== undefined && asked.kind !== "flag") {
    return matching(choicesOf(asked, joined === undefined ? "" : `${joined}=`), typed);
  }
  if (typed.startsWith("-")) return matching(flagsLeft(byFlag, words), typed);
  const subCommands = Object.entries(tool.subCommands ?? {}).map(([word, { summary }]) => ({ word, about: summary }));
  const positional = Object.values(tool.definitions.positionals)[positionalsIn(words, byFlag)];
  const choices = positional === undefined ? [] : choicesOf(positional, "");
  return matching([...(words.length === 0 ? subCommands : []), ...choices], typed);
}

function ownOf(subCommands: Tool["subCommands"], name: string): SubCommand | undefined {
  return subCommands !== undefined && Object.hasOwn(subCommands, name) ? subCommands[name] : undefined;
}

async function loaded(sub: SubCommand): Promise<Tool> {
  return "load" in sub ? await sub.load() : sub;
}

function matching(all: readonly Suggestion[], typed: string): Suggestion[] {
  return all.filter(({ word }) => word.startsWith(typed));
}

function choicesOf(spec: ArgumentSpec, prefix: string): Suggestion[] {
  return spec.kind === "choice" ? spec.choices.map((choice) => ({ word: prefix + choice, about: "" })) : [];
}

/** A flag is given once, but for the last positional of some commands, which has no other way. */
function flagsLeft(byFlag: ReadonlyMap<string, ArgumentSpec>, words: readonly string[]): Suggestion[] {
  const given = new Set(words.map((word) => word.replace(/=.*$/s, "")));
  return [...byFlag]
    .filter(([flag]) => !given.has(flag))
    .map(([word, { description }]) => ({ word, about: description.split(/[\n;]/, 1)[0] as string }));
}

/** How many of the words are positionals: neither flags nor the values of flags. */
function positionalsIn(words: readonly string[], byFlag: ReadonlyMap<string, ArgumentSpec>): number {
  return words.filter((word, index) => {
    const before = byFlag.get(words[index - 1] ?? "");
    return !word.startsWith("-") && (before === undefined || before.kind === "flag");
  }).length;
}

/** The suggestions as the shells' scripts read them. */
export function suggestionLines(found: readonly Suggestion[]): string {
  return found.map(({ word, about }) => `${word}\t${about}\n`).join("");
}

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * The script that a shell evaluates: it completes `bytewitness NAME …`, and with `scripts` (names that end in .ts)
 * `bun run NAME …` as well, where it leaves all other uses of bun to the completion that was there before.
 */
export function completionScript(shell: Shell, scripts: readonly string[]): string {
  const script = { bash: BASH, zsh: ZSH, fish: FISH }[shell];
  const bun = scripts.length === 0 ? "" : { bash: BASH_BUN, zsh: ZSH_BUN, fish: FISH_BUN }[shell];
  return (script + bun).replaceAll("VARIABLE", "BYTEWITNESS_COMPLETE").replaceAll("SCRIPTS", scripts.join(" "));
}

// COMP_WORDS has "=" as a word of its own; flag and value then follow each other as they do without it.
// Bun takes a "--" right behind the script for itself: where flags begin to be typed, "-" asks for the same.
const BASH = `# bytewitness: completion for bash. eval "$(bytewitness completions bash)"
_bytewitness_ask() {
  local line word words=()
  for word in "\${COMP_WORDS[@]:$1:COMP_CWORD-$1+1}"; do [ "$word" = "=" ] || words+=("$word"); done
  [ "\${COMP_WORDS[COMP_CWORD]}" = "=" ] && words+=("")
  [ "\${words[-1]}" = "--" ] && words[-1]="-"
  shift
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("\${line%%$'\\t'*}"); done < <(VARIABLE=1 "$@" "\${words[@]}" 2>/dev/null)
}
_bytewitness() { _bytewitness_ask 1 "\${COMP_WORDS[0]}"; }
complete -o bashdefault -o default -F _bytewitness bytewitness
`;

const BASH_BUN = `_bytewitness_scripts="SCRIPTS"
_bytewitness_before="$(complete -p bun 2>/dev/null | sed -n 's/.*-F \\([^ ]*\\) .*/\\1/p')"
[ "$_bytewitness_before" = _bytewitness_bun ] && _bytewitness_before=
_bytewitness_bun() {
  if [ "\${COMP_WORDS[1]}" = run ] && [ "$COMP_CWORD" -gt 2 ] && [[ " $_bytewitness_scripts " == *" \${COMP_WORDS[2]} "* ]]; then
    _bytewitness_ask 3 bun run "\${COMP_WORDS[2]}"
  elif [ -n "$_bytewitness_before" ]; then
    "$_bytewitness_before" "$@"
  elif [ "\${COMP_WORDS[1]}" = run ] && [ "$COMP_CWORD" -eq 2 ]; then
    COMPREPLY=($(compgen -W "$_bytewitness_scripts" -- "\${COMP_WORDS[2]}"))
  fi
}
complete -o bashdefault -o default -F _bytewitness_bun bun
`;

const ZSH = `#compdef bytewitness
# bytewitness: completion for zsh. eval "$(bytewitness completions zsh)"
_bytewitness_ask() {
  local skip=$1 line found=()
  shift
  local given=("\${(@)words[skip+1,CURRENT]}")
  [[ $given[-1] == -- ]] && given[-1]=-
  local lines=("\${(@f)$(VARIABLE=1 "$@" "\${(@)given}" 2>/dev/null)}")
  for line in $lines; do found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}"); done
  if (( \${#found} )); then _describe -o bytewitness found; else _files; fi
}
_bytewitness() { _bytewitness_ask 1 $words[1]; }
compdef _bytewitness bytewitness
`;

const ZSH_BUN = `_bytewitness_scripts=(SCRIPTS)
_bytewitness_before=\${_comps[bun]:-_files}
[[ $_bytewitness_before == _bytewitness_bun ]] && _bytewitness_before=_files
_bytewitness_bun() {
  if [[ $words[2] == run ]] && (( CURRENT > 3 )) && (( \${_bytewitness_scripts[(Ie)$words[3]]} )); then
    _bytewitness_ask 3 bun run $words[3]
  elif [[ $words[2] == run ]] && (( CURRENT == 3 )); then
    compadd -a _bytewitness_scripts
  else
    $_bytewitness_before
  fi
}
compdef _bytewitness_bun bun
`;

const FISH = `# bytewitness: completion for fish. bytewitness completions fish | source
function __bytewitness_ask
    set -l words (commandline -opc) (commandline -ct)
    test "$words[-1]" = --; and set words[-1] -
    env VARIABLE=1 $argv[2..] $words[(math $argv[1] + 1)..] 2>/dev/null
end
complete -c bytewitness -a '(__bytewitness_ask 1 bytewitness)'
`;

const FISH_BUN = `set -g __bytewitness_scripts SCRIPTS
function __bytewitness_bun
    set -l words (commandline -opc)
    test (count $words) -ge 3; and test "$words[2]" = run; and contains -- $words[3] $__bytewitness_scripts
end
complete -c bun -n __bytewitness_bun -a '(__bytewitness_ask 3 bun run (commandline -opc)[3])'
complete -c bun -n 'test (count (commandline -opc)) -eq 2; and test (commandline -opc)[2] = run' -a "$__bytewitness_scripts"
`;
