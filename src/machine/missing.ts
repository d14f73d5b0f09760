/**
 * Why this machine cannot do what a reproducer needs, for its `requires`: each returns undefined when it can, else one line
 * that names what is missing and what to do.
 *
 * Owns the list under one name. Each is probed by trying, in the file that also uses it.
 */
export { filesystemMissing as filesystem } from "../ops/filesystem.ts";
export { tlsMissing as tls } from "../ops/tls.ts";
export { hugePagesMissing as hugePages } from "./hugepages.ts";
export { ksmMissing as ksm } from "./ksm.ts";
export { ioUringMissing as ioUring } from "./needs.ts";
export { groupReclaimMissing as groupReclaim, swapMissing as swap } from "./swap.ts";
