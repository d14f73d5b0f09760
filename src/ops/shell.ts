/** Words for a POSIX shell: what a person pastes is what was meant. Owns the quoting, and the line that sets us up. */
import { visible } from "../units.ts";
import type { Path } from "./file.ts";
import { PACKAGE_ROOT, workingDirectory } from "./self.ts";

/** A word as a POSIX shell needs it. */
export function shellWord(word: Path): string {
  if (typeof word !== "string") return shellBytes(word);
  // What a terminal would obey, and what a report spells out, cannot be pasted.
  if (visible(word) !== word || /[\t\n]/.test(word)) return printed(Buffer.from(word, "utf8"));
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Bytes that are not UTF-8 cannot be a plain word: printf makes them. */
function shellBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  if (Buffer.from(text, "utf8").equals(bytes)) return shellWord(text);
  return printed(bytes);
}

function printed(bytes: Uint8Array): string {
  const octal = Array.from(bytes, (byte) =>
    /[A-Za-z0-9_./:=,@+ -]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `\\${byte.toString(8).padStart(3, "0")}`,
  );
  return `"$(printf '${octal.join("")}')"`;
}

/** How the set-up is started from here. */
export function setupCommand(): string {
  return workingDirectory() === PACKAGE_ROOT
    ? "sh scripts/setup.sh"
    : `sh ${shellWord(`${PACKAGE_ROOT}/scripts/setup.sh`)}`;
}
