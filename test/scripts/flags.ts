/** What every script of ours takes, as its --help shows it: for tests that hold for all of them. */
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { command, ROOT } from "./command.ts";

/** A flag's value as usage writes it: "SIZE", "a|b"; undefined for one that takes none. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** Every script that judges: "uring-append", "gallery/append-tear", … */
export const REPRODUCERS: readonly string[] = [
  ...["uring-append", "splice-relay", "verify"],
  ...readdirSync(`${ROOT}scripts/gallery`).map((name) => `gallery/${basename(name, ".ts")}`),
].sort();

/** The flags of a script (or of a subcommand), positionals that are flags too among them. */
export async function flagsOf(script: string, words: readonly string[] = []): Promise<Flags> {
  const { stdout } = await command(script, [...words, "--help"]);
  const flags = [...stdout.matchAll(/^ +(--[a-z-]+)(?:=<([^>]+)>)? {2,}/gm)].map((found) => [found[1], found[2]]);
  const positionals = [...stdout.matchAll(/^ +[A-Z_]+(?:=<([^>]+)>)? .*\(also (--[a-z-]+)\)/gm)];
  return Object.fromEntries([...flags, ...positionals.map((found) => [found[2], found[1]])]);
}
