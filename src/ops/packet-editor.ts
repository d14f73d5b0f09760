/**
 * An editor of packets inside the kernel: nftables rewrites payload bytes of what this network sends.
 *
 * Owns one rule in the calling thread's network namespace; it vanishes with the namespace. For proofs: damage that no
 * code of this project made, with a counter of the kernel's own to compare with. The checksum is computed after the
 * rewrite, so the receiver accepts the packet. nft(8), PAYLOAD STATEMENT; `@ih` needs Linux 5.16.
 */
import { writeFileSync } from "node:fs";

const TABLE = "bytewitness";
/** Of this network alone. Tail loss probes send a segment again that has arrived: an edit of it would be thrown away. */
const PROBES = "/proc/sys/net/ipv4/tcp_early_retrans";
/** What is written over the first bytes of a payload. */
export const EDIT_BYTES = 16;
export const EDIT_VALUE = "fafbfcfdfafbfcfdfafbfcfdfafbfcfd";
/** Packets shorter than this carry no payload worth editing. */
const PACKET_BYTES_MIN = 200;

/** Why packets cannot be edited here, or undefined. */
export function packetEditorMissing(): string | undefined {
  return Bun.which("nft") === null ? "the `nft` command is missing: install nftables" : undefined;
}

/** Rewrites the first 16 payload bytes of every `every`th TCP packet that leaves. Undefined, or why not. */
export function editPackets(every: number): string | undefined {
  try {
    writeFileSync(PROBES, "0");
  } catch {
    // Where /proc/sys is read-only a probe may make the kernel count one edit more than arrives.
  }
  const match = `meta l4proto tcp meta length > ${PACKET_BYTES_MIN} numgen inc mod ${every} == ${every - 1}`;
  const rule = `${match} counter @ih,0,${EDIT_BYTES * 8} set 0x${EDIT_VALUE}`;
  const rules = `table inet ${TABLE} { chain out { type filter hook output priority 0; ${rule}; }; }\n`;
  const loaded = Bun.spawnSync(["nft", "-f", "-"], { stdin: Buffer.from(rules), stdout: "ignore", stderr: "pipe" });
  return loaded.exitCode === 0 ? undefined : `nft: ${loaded.stderr.toString().trim().split("\n")[0]}`;
}

/** How many packets the kernel reports it edited. */
export function editedPackets(): number {
  const listed = Bun.spawnSync(["nft", "list", "table", "inet", TABLE], { stdout: "pipe", stderr: "ignore" });
  return Number(/counter packets (\d+)/.exec(listed.stdout.toString())?.[1] ?? 0);
}
