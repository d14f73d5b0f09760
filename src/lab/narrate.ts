/** Words on stderr: one writer for all subcommands, and one that says the same thing once. Refuses stdout. */

export type Narrate = (line: string) => void;

export function narrator(quiet: boolean): Narrate {
  return (line) => {
    if (!quiet) process.stderr.write(`lab: ${line}\n`);
  };
}

/** The same remark (emulation, a missing suite) is worth saying once, not once a kernel. */
export function onceEach(narrate: Narrate): Narrate {
  const said = new Set<string>();
  return (line) => {
    if (said.has(line)) return;
    said.add(line);
    narrate(line);
  };
}
