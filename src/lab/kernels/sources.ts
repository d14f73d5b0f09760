/**
 * Which archives this system is configured for, and which of their suites the lab reads.
 *
 * apt knows more of an archive whose index is downloaded (its label) than of one that is only configured, and a fresh
 * system has downloaded perhaps one: both lists are read and merged. Pure but for the reading of names.
 * Refuses to name an archive that the system's configuration does not lead to.
 */

export interface Mirrors {
  readonly main: string;
  readonly security: string | undefined;
  /** True when the security archive is not configured, but assumed in addition to the main one. */
  readonly securityIsGuess: boolean;
}

/** Kernels are in the releases, their security suites and their backports; experimental has what comes next. */
const RELEASES = ["bullseye", "bookworm", "trixie", "forky", "sid"] as const;
const ALIASES = ["stable", "oldstable", "oldoldstable", "testing", "unstable"];
const ROLLING = ["sid"];

/** The fields that `indextargets` is asked for, in this order. */
export const TARGET_FORMAT = "$(LABEL)|$(SITE)|$(RELEASE)";

interface SuiteTarget {
  /** "" where the index is not downloaded: apt then prints the name of the field. */
  readonly label: string;
  readonly site: string;
  readonly release: string;
}

function targetsOf(text: string): SuiteTarget[] {
  return text
    .split("\n")
    .filter((line) => line.includes("|"))
    .map((line) => {
      const [label = "", site = "", release = ""] = line.split("|");
      return { label: label.startsWith("$(") ? "" : label, site: site.replace(/\/+$/, ""), release };
    });
}

/** "bookworm-security" and, as it was called before bullseye, "buster/updates". */
const SECURITY_SUITE = /^([a-z]+)(-security|\/updates)$/;
const isDebianSuite = (name: string) => [...RELEASES, ...ALIASES].some((release) => release === name);

/**
 * The addresses of Debian's archive and of its security archive, from the output of `apt-get indextargets` (what is
 * downloaded) and `--no-release-info` (what is configured). Undefined when neither names a Debian archive.
 */
export function mirrorsOf(downloaded: string, configured: string): Mirrors | undefined {
  const labelled = targetsOf(downloaded).filter(({ label }) => label !== "");
  const others = new Set(labelled.filter(({ label }) => !label.startsWith("Debian")).map(({ site }) => site));
  // A third-party archive may call its suite "bookworm" too: Debian's own has the updates suite next to it, or
  // has it in its path; only then the first that fits.
  const bare = [...targetsOf(configured), ...targetsOf(downloaded)].filter(({ site }) => !others.has(site));
  const mains = bare.filter(({ release }) => isDebianSuite(release));
  const hasUpdates = ({ site }: SuiteTarget) =>
    bare.some((target) => target.site === site && target.release.endsWith("-updates"));
  const main =
    labelled.find(({ label }) => label === "Debian") ??
    mains.find(hasUpdates) ??
    mains.find(({ site }) => /\/debian$/.test(site)) ??
    mains[0];
  if (main === undefined) return undefined;
  const securities = bare.filter(({ release }) => isDebianSuite(SECURITY_SUITE.exec(release)?.[1] ?? ""));
  const security = labelled.find(({ label }) => label === "Debian-Security") ?? securities[0];
  return {
    main: main.site,
    security: security?.site ?? `${main.site}-security`,
    securityIsGuess: security === undefined,
  };
}

export interface SuiteSource {
  readonly uri: string;
  readonly suites: readonly string[];
}

/** The suites to read, by archive. */
export function suitesOf({ main, security }: Mirrors): SuiteSource[] {
  const stable = RELEASES.filter((release) => !ROLLING.includes(release));
  const sources = [
    { uri: main, suites: [...RELEASES, ...stable.map((release) => `${release}-backports`), "experimental"] },
  ];
  if (security !== undefined) sources.push({ uri: security, suites: stable.map((release) => `${release}-security`) });
  return sources;
}

/** The text of a deb822 sources file (sources.list(5)). */
export function sourcesText(sources: readonly SuiteSource[], keyring: string | undefined): string {
  const signedBy = keyring === undefined ? [] : [`Signed-By: ${keyring}`];
  const stanzas = sources.map(({ uri, suites }) =>
    ["Types: deb", `URIs: ${uri}`, `Suites: ${suites.join(" ")}`, "Components: main", ...signedBy, ""].join("\n"),
  );
  return stanzas.join("\n");
}

/**
 * A line for each suite that was wanted and not read, with apt's reason where it gave one. `read` are the suites whose
 * index is there; one whose index failed to refresh is there too, and old.
 */
export function unreadSuites(wanted: readonly SuiteSource[], read: ReadonlySet<string>, problems: string): string[] {
  const lines = problems.split("\n").filter((line) => /^[EW]:/.test(line));
  return wanted.flatMap(({ suites }) =>
    suites.flatMap((suite) => {
      const own = lines.filter((line) => mentions(line, suite));
      const failed = own.find((line) => line.startsWith("E:") || /Failed to fetch|NO_PUBKEY/.test(line));
      if (read.has(suite) && failed === undefined) return [];
      const state = read.has(suite) ? "could not be refreshed" : "could not be read";
      const why = failed ?? own[0];
      return [`suite ${suite} ${state}${why === undefined ? "" : ` (${reasonOf(why)})`}`];
    }),
  );
}

/** "bookworm" is not mentioned by a line about bookworm-security. */
function mentions(line: string, suite: string): boolean {
  return new RegExp(`(?:[\\s/'])${suite}(?:[\\s/'])`).test(line);
}

function reasonOf(line: string): string {
  if (/does not have a Release file|does no longer have a Release file/.test(line))
    return "this mirror does not have it";
  return line
    .replace(/^[EW]:\s*/, "")
    .replace(/\bhttps?:\S+\s*/g, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 160);
}
