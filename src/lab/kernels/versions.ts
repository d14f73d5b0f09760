/**
 * Names of kernels: the order of Debian versions, and the grammar of `--kernel`.
 *
 * Pure. Refuses to know what exists: that is for the index (apt.ts) and for the resolver (kernel.ts).
 */

/**
 * Orders two Debian versions ("6.12.90-2", "1:2.3~rc1-1+deb12u1") as dpkg does: negative, zero or positive.
 * The algorithm is that of deb-version(7): epoch, then upstream version, then revision; in each, runs of non-digits
 * (letters before other characters, "~" before the end) and runs of digits take turns.
 */
export function compareVersions(a: string, b: string): number {
  const left = splitVersion(a);
  const right = splitVersion(b);
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  );
}

export interface VersionParts {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

export function splitVersion(version: string): VersionParts {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** "~" sorts before the end of the string, the end before letters, letters before everything else. */
function weightOf(character: string | undefined): number {
  if (character === undefined || isDigit(character)) return 0;
  if (character === "~") return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const difference = weightOf(a[i]) - weightOf(b[j]);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const left = /^\d*/.exec(a.slice(i))?.[0] ?? "";
    const right = /^\d*/.exec(b.slice(j))?.[0] ?? "";
    i += left.length;
    j += right.length;
    const difference = Number(left) - Number(right);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What the user named with `--kernel`. Paths are as given; the caller makes them absolute. */
export type KernelSpec =
  | { readonly kind: "host" }
  | { readonly kind: "newest"; readonly series: string | undefined }
  | { readonly kind: "version"; readonly version: string }
  | { readonly kind: "package"; readonly name: string }
  | { readonly kind: "deb"; readonly path: string }
  | { readonly kind: "vmlinuz"; readonly path: string }
  | { readonly kind: "tree"; readonly path: string };

export type PathKind = "file" | "directory" | undefined;

/**
 * Reads one `--kernel` value. Words win over paths of the same name ("host" is the host; write "./host" for a file).
 * Returns a sentence, what is wrong and what to do, when it is none of the known forms.
 */
export function parseKernelSpec(text: string, lookAt: (path: string) => PathKind): KernelSpec | string {
  const value = text.trim();
  if (value === "host") return { kind: "host" };
  const newest = /^newest(?:[ -](\d+\.\d+(?:\.\d+)?))?$/.exec(value);
  if (newest) return { kind: "newest", series: newest[1] };
  if (/^linux-(image|binary)-[a-z0-9.+-]+$/.test(value)) return { kind: "package", name: value };
  const what = lookAt(value);
  if (what === "directory") return { kind: "tree", path: value };
  if (what === "file") return value.endsWith(".deb") ? { kind: "deb", path: value } : { kind: "vmlinuz", path: value };
  if (/^\d+\.\d+(\.\d+)?([-~+][A-Za-z0-9.+~-]*)?$/.test(value)) return { kind: "version", version: value };
  return `--kernel ${JSON.stringify(text)} is not a version (6.1.170), "newest 6.12", "newest", package name, .deb, vmlinuz, build tree or "host"`;
}

/** True when a package's version is what the user asked for: exactly, or every revision of an upstream version. */
export function versionMatches(packageVersion: string, asked: string): boolean {
  return packageVersion === asked || splitVersion(packageVersion).upstream === asked;
}

/** True for "6.12.90-2" in series "6.12" (and in "6.12.90"), false for "6.1.170" in "6.12". */
export function inSeries(packageVersion: string, series: string): boolean {
  const { upstream } = splitVersion(packageVersion);
  return upstream === series || upstream.startsWith(`${series}.`) || upstream.startsWith(`${series}~`);
}

/** A rebuild for an older release ("6.12.90-1~deb12u1", "…~bpo12+1"): same source, second choice. */
export function isBackport(packageVersion: string): boolean {
  return /~(deb\d|bpo\d)/.test(packageVersion);
}

/** The highest upstream version; among its packages an original before a rebuild, then the highest revision. */
export function newestOf<Entry extends { readonly version: string }>(entries: readonly Entry[]): Entry | undefined {
  return entries.toSorted(inOrder).at(-1);
}

/** By upstream version, then rebuilds before originals, then as dpkg orders them. */
export function inOrder(a: { readonly version: string }, b: { readonly version: string }): number {
  const upstream = compareVersions(splitVersion(a.version).upstream, splitVersion(b.version).upstream);
  const rebuilt = Number(isBackport(b.version)) - Number(isBackport(a.version));
  return upstream || rebuilt || compareVersions(a.version, b.version);
}
