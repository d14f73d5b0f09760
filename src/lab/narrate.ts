/** Words on stderr: one writer for all subcommands, and one that prints the same thing once. Refuses stdout. */

export type Narrate = (line: string) => void;

export function narrator(quiet: boolean): Narrate {
  return (line) => {
    if (!quiet) process.stderr.write(`lab: ${line}\n`);
  };
}

/** The same remark (emulation, a missing suite) is worth stating once, not once a kernel. */
export function onceEach(narrate: Narrate): Narrate {
  const printed = new Set<string>();
  return (line) => {
    if (printed.has(line)) return;
    printed.add(line);
    narrate(line);
  };
}
