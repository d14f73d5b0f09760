/**
 * Where a kernel lies in what is known of a bug: affected, fixed, older, or unknown; and the words for it.
 *
 * Pure. Refuses to decide anything: a verdict comes from bytes alone, and where it contradicts the table, the report shows
 * both.
 */
import type { Known } from "../report/document.ts";

type KernelPlace = "affected" | "fixed" | "before" | "unknown";

type Numbers = readonly [number, number, number | undefined];

function numbersOf(version: string): Numbers | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  if (match === null) return undefined;
  return [Number(match[1]), Number(match[2]), match[3] === undefined ? undefined : Number(match[3])];
}

/** "6.15", and "2.6.29" of the days when the third number counted mainline releases. */
const isMainline = ([major, , patch]: Numbers) => patch === undefined || major < 3;

const seriesOrder = (a: Numbers, b: Numbers) => a[0] - b[0] || a[1] - b[1];

/**
 * The upstream version of a running kernel. Debian's release names ("6.1.0-47-cloud-amd64") hide it; /proc/version and
 * uname -v then have it: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-04-30)".
 */
export function upstreamVersion(release: string, versionText: string): string {
  return (
    /\bDebian (\d+\.\d+(?:\.\d+)?)[-~+]/.exec(versionText)?.[1] ?? /^\d+\.\d+(?:\.\d+)?/.exec(release)?.[0] ?? release
  );
}

/** Where `version` lies. A series with no entry of its own is "unknown" unless a mainline release or a lower bound decides. */
export function kernelPlace(known: Known, version: string): KernelPlace {
  const at = numbersOf(version);
  if (at === undefined) return "unknown";
  const since = known.affectedSince === undefined ? undefined : numbersOf(known.affectedSince);
  if (since !== undefined && (seriesOrder(at, since) || (at[2] ?? 0) - (since[2] ?? 0)) < 0) return "before";
  const fixes = known.firstFixed.map(numbersOf).filter((fix) => fix !== undefined);
  if (fixes.length === 0) return known.fix === "" ? "affected" : "unknown";
  const own = fixes.find((fix) => seriesOrder(fix, at) === 0);
  if (own !== undefined) return (at[2] ?? 0) >= (own[2] ?? 0) ? "fixed" : "affected";
  const newest = fixes.toSorted(seriesOrder).at(-1) as Numbers;
  // A mainline release ("6.15") hands its fix on to all that follow; of a stable update ("6.12.118") that is not known.
  if (seriesOrder(at, newest) > 0) return isMainline(newest) ? "fixed" : "unknown";
  // Older than the newest fixed series, with no entry of its own: affected if the bug is that old, which only a lower
  // bound can show.
  return since === undefined ? "unknown" : "affected";
}

/** "fixed in 6.1.176, 6.12.94, 6.15; affected since 6.0", or "no fix known". */
function rangeText({ firstFixed, fix, affectedSince, documentedIn }: Known): string {
  const none = documentedIn === undefined ? "no fix known" : `documented in ${documentedIn}, so not called a bug`;
  const fixed = firstFixed.length > 0 ? `fixed in ${firstFixed.join(", ")}` : fix === "" ? none : `fixed by "${fix}"`;
  return affectedSince === undefined ? fixed : `${fixed}; affected since ${affectedSince}`;
}

/** The range, and where this kernel lies in it: "fixed in 6.12.118; 6.12.115 is in the affected range". */
export function knownText(known: Known, version: string): string {
  const words: Record<KernelPlace, string> = {
    affected: `${version} is in the affected range`,
    fixed: `${version} has the fix`,
    before: `${version} is older than the bug`,
    unknown: `nothing is known of ${version}`,
  };
  const place = known.firstFixed.length === 0 && known.fix === "" ? "" : `; ${words[kernelPlace(known, version)]}`;
  return rangeText(known) + place;
}

/** What to do about a corrupt case: the kernel to take, and what avoids it meanwhile. */
export function adviceText(known: Known | undefined, version: string): string {
  if (known === undefined) return "report it, with the evidence and the replay line";
  const at = numbersOf(version);
  const own = at && known.firstFixed.find((fix) => seriesOrder(numbersOf(fix) ?? [0, 0, 0], at) === 0);
  const newest = known.firstFixed.at(-1);
  const kernel = own ?? newest;
  const place = kernelPlace(known, version);
  const take =
    kernel === undefined || place === "fixed"
      ? []
      : [
          own === undefined
            ? `take ${kernel} or later (no fix in ${at?.slice(0, 2).join(".") ?? "this series"} is known)`
            : `take ${kernel} or later`,
        ];
  if (place === "fixed") take.push("corrupt although the table has a fix for it: report it");
  if (known.avoid !== undefined) take.push(known.avoid);
  return take.join("; ");
}
