/**
 * Debian's kernels through apt, without touching the system's apt: a private state, private sources, a private cache.
 *
 * Owns the list of suites, the index of kernel packages and the downloads. apt verifies every index (release signatures)
 * and every package (hashes); this file never turns that off (modules that no index lists any more: pool.ts). The mirror
 * comes from the system's own configuration (`apt-get indextargets`), so a site with a local mirror or a proxy keeps using it.
 * Refuses to install anything, and to write outside the lab's cache.
 */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, capture, findProgram, LabError, readJson, withLock, writeJson } from "./cache.ts";
import { downloadFromPool, type PoolPackage } from "./pool.ts";
import { type Mirrors, mirrorsOf, sourcesText, suitesOf, TARGET_FORMAT, unreadSuites } from "./sources.ts";
import { compareVersions } from "./versions.ts";

export interface KernelPackage {
  /** "linux-image-6.1.0-47-cloud-amd64" */
  readonly name: string;
  readonly version: string;
  readonly suite: string;
  readonly sizeBytes: number;
  /** "cloud-amd64", "amd64", "rt-amd64" */
  readonly flavour: string;
  /** The package with the modules, where they are apart from the kernel (since 7.x). */
  readonly modulesPackage?: string;
}

const INDEX_AGE_MS_MAX = 24 * 3600 * 1000;
/** Debian's own keys; the second name is what newer releases install. */
const KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

function aptOptions(): string[] {
  const state = cacheDirectory("apt");
  for (const part of ["lists/partial", "cache/archives/partial", "sources"]) {
    mkdirSync(join(state, part), { recursive: true });
  }
  const status = join(state, "status");
  if (!existsSync(status)) writeFileSync(status, "");
  const options = {
    "Dir::State": state,
    "Dir::State::lists": join(state, "lists"),
    "Dir::State::status": status,
    "Dir::Cache": join(state, "cache"),
    "Dir::Etc::SourceList": "/dev/null",
    "Dir::Etc::SourceParts": join(state, "sources"),
    // The state may lie below a home that the _apt user cannot enter.
    "APT::Sandbox::User": "",
    "APT::Architecture": "amd64",
    "APT::Architectures": "amd64",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
  };
  return Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

/** The addresses of Debian's archive and of its security archive, as this system is configured to reach them. */
async function readMirrors(): Promise<Mirrors> {
  if (!Bun.which("apt-get")) {
    throw new LabError("no apt-get here: give --kernel a .deb, a vmlinuz with --modules DIR, or a kernel build tree");
  }
  const ask = async (...more: string[]) =>
    (await capture(["apt-get", "indextargets", ...more, "--format", TARGET_FORMAT, "Created-By: Packages"])).stdout;
  const mirrors = mirrorsOf(await ask(), await ask("--no-release-info"));
  if (mirrors !== undefined) return mirrors;
  throw new LabError(
    "apt here is not configured for a Debian archive: give --kernel a .deb, a vmlinuz with --modules DIR, or a build tree",
  );
}

/** Raised when the index covers more than before: an older one is then no answer. */
const INDEX_FORMAT = 2;

interface Index {
  readonly format: number;
  readonly packages: KernelPackage[];
  /** A line for each suite that could not be read. */
  readonly unread: readonly string[];
}

const indexPath = () => join(cacheDirectory("apt"), "kernels.json");

/** The kernels that the mirror offers, newest last; asked again when the answer is older than a day. */
export async function kernelIndex(narrate: (line: string) => void, { refresh = false } = {}): Promise<KernelPackage[]> {
  const { packages, unread } = (refresh ? undefined : readFreshIndex()) ?? (await readIndex(narrate, refresh));
  for (const line of unread) narrate(line);
  return packages;
}

async function readIndex(narrate: (line: string) => void, refresh: boolean): Promise<Index> {
  return await withLock("apt", async () => {
    const meanwhile = refresh ? undefined : readFreshIndex();
    if (meanwhile) return meanwhile;
    narrate("reading the package indexes of Debian's suites (once a day, private apt state)");
    const mirrors = await readMirrors();
    const wanted = suitesOf(mirrors);
    const keyring = KEYRINGS.find((path) => existsSync(path));
    writeFileSync(join(cacheDirectory("apt", "sources"), "lab.sources"), sourcesText(wanted, keyring));
    const update = await capture(["apt-get", "-q", ...aptOptions(), "update"]);
    const { packages, suites } = await readIndexes();
    if (packages.length === 0) {
      const why = update.stderr.split("\n").find((line) => line.startsWith("E:")) ?? "no kernel package in any suite";
      throw new LabError(`apt-get update gave no kernels: ${why}`);
    }
    const unread = unreadSuites(wanted, suites, update.stderr);
    if (mirrors.securityIsGuess) unread.unshift("no security archive is configured here: tried next to the main one");
    const index: Index = { format: INDEX_FORMAT, packages, unread };
    writeJson(indexPath(), index);
    return index;
  });
}

/** The last answer, however old; empty when there was none. */
export function knownKernels(): KernelPackage[] {
  return readJson<Index>(indexPath())?.packages ?? [];
}

function readFreshIndex(): Index | undefined {
  const age = existsSync(indexPath()) ? Date.now() - statSync(indexPath()).mtimeMs : Number.POSITIVE_INFINITY;
  const index = age < INDEX_AGE_MS_MAX ? readJson<Index>(indexPath()) : undefined;
  return index?.format === INDEX_FORMAT ? index : undefined;
}

async function readIndexes(): Promise<{ packages: KernelPackage[]; suites: Set<string> }> {
  const format = "$(RELEASE)|$(FILENAME)";
  const targets = await capture([
    "apt-get",
    ...aptOptions(),
    "indextargets",
    "--format",
    format,
    "Created-By: Packages",
  ]);
  const found: KernelPackage[] = [];
  const suites = new Set<string>();
  for (const line of targets.stdout.split("\n")) {
    const [suite, file] = line.split("|");
    if (!suite || !file) continue;
    suites.add(suite);
    const child = Bun.spawn(["/usr/lib/apt/apt-helper", "cat-file", file], { stdout: "pipe", stderr: "ignore" });
    found.push(...parseIndex(Buffer.from(await new Response(child.stdout).arrayBuffer()), suite));
  }
  const unique = new Map(found.map((entry) => [`${entry.name} ${entry.version}`, entry]));
  const packages = [...unique.values()];
  packages.sort((a, b) => compareVersions(a.version, b.version) || (a.name < b.name ? -1 : 1));
  return { packages, suites };
}

/**
 * Picks the kernels out of one Packages file. These files are tens of megabytes, so the bytes are searched for the few
 * stanzas that matter instead of being split.
 */
export function parseIndex(bytes: Buffer, suite: string): KernelPackage[] {
  const kernels: Omit<KernelPackage, "suite">[] = [];
  const modules = new Set<string>();
  const split = new Set<string>();
  const needle = "Package: linux-";
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length)) {
    if (at > 0 && bytes[at - 1] !== 0x0a) continue;
    const end = bytes.indexOf("\n\n", at);
    const stanza = bytes.toString("utf8", at, end < 0 ? bytes.length : end);
    const name = fieldOf(stanza, "Package") ?? "";
    const match = /^linux-(image|binary|modules)-(\d+\.\d+[^-]*(?:-\d+|-0\.[^-]+)?)-((?:cloud-|rt-)?amd64)$/.exec(name);
    if (!match) continue;
    const [, kind = "", release = "", flavour = ""] = match;
    if (kind === "modules") modules.add(`${release}-${flavour}`);
    else {
      if (kind === "binary") split.add(`${release}-${flavour}`);
      const version = fieldOf(stanza, "Version") ?? "";
      kernels.push({ name, version, sizeBytes: Number(fieldOf(stanza, "Size") ?? 0), flavour });
    }
  }
  return kernels.flatMap((entry) => {
    const release = entry.name.replace(/^linux-(image|binary)-/, "");
    // Where the kernel is split, linux-image-* is an empty package that depends on the two parts; and
    // "linux-image-6.12-cloud-amd64" is one that depends on the newest of a series.
    if (entry.name.startsWith("linux-image-") && (split.has(release) || entry.sizeBytes < 1_000_000)) return [];
    const modulesPackage = modules.has(release) ? { modulesPackage: `linux-modules-${release}` } : {};
    return [{ ...entry, suite, ...modulesPackage }];
  });
}

function fieldOf(stanza: string, field: string): string | undefined {
  return new RegExp(`^${field}: (.*)$`, "m").exec(stanza)?.[1];
}

/**
 * Fetches the packages of one kernel into `directory`; apt checks them and shows progress. It resumes a broken transfer
 * where the server reports when the file was last changed (If-Range); behind some proxies it starts again.
 */
export async function downloadKernel(
  kernel: KernelPackage,
  { directory, quiet, narrate }: { directory: string; quiet: boolean; narrate: (line: string) => void },
): Promise<string[]> {
  const wanted = [kernel.name, ...(kernel.modulesPackage ? [kernel.modulesPackage] : [])];
  await withLock("apt", async () => {
    const child = Bun.spawn(
      [
        // A download whose lab was killed must not continue by itself; the next run takes up what is there.
        ...[findProgram("setpriv", "util-linux"), "--pdeathsig", "KILL", "--"],
        "apt-get",
        ...(quiet ? ["-qq"] : []),
        ...aptOptions(),
        "download",
        ...wanted.map((name) => `${name}=${kernel.version}`),
      ],
      // apt draws its progress on stdout; ours belongs to the report, so it goes to stderr.
      { cwd: directory, stdin: "ignore", stdout: 2, stderr: "inherit", env: { ...process.env, LC_ALL: "C" } },
    );
    if ((await child.exited) !== 0) throw new LabError(`apt-get could not download ${wanted.join(" and ")}`);
  });
  const files = wanted.map((name) => {
    const file = [...new Bun.Glob(`${name}_*.deb`).scanSync(directory)][0];
    if (file === undefined) throw new LabError(`apt-get download succeeded but left no ${name} package`);
    return join(directory, file);
  });
  const unlisted = unlistedModules(kernel);
  if (unlisted === undefined) return files;
  const { version, suite } = kernel;
  const mirrors = await readMirrors();
  return [...files, await downloadFromPool({ name: unlisted, version, suite }, { mirrors, directory, narrate })];
}

/** Fetches another binary package of a kernel's source: by apt while the index lists it, then from the archive's pool. */
export async function downloadCompanion(
  wanted: PoolPackage,
  { directory, narrate }: { directory: string; narrate: (line: string) => void },
): Promise<string> {
  const { name, version } = wanted;
  const command = ["apt-get", "-qq", ...aptOptions(), "download", `${name}=${version}`];
  const guarded = [findProgram("setpriv", "util-linux"), "--pdeathsig", "KILL", "--", ...command];
  const { code } = await withLock("apt", () => capture(guarded, { cwd: directory }));
  const file = [...new Bun.Glob(`${name}_*.deb`).scanSync(directory)][0];
  if (code === 0 && file !== undefined) return join(directory, file);
  return await downloadFromPool(wanted, { mirrors: await readMirrors(), directory, narrate });
}

/** The modules' package of a split kernel whose index lists only the kernel itself. */
function unlistedModules({ name, modulesPackage }: KernelPackage): string | undefined {
  return name.startsWith("linux-binary-") && modulesPackage === undefined
    ? name.replace("linux-binary-", "linux-modules-")
    : undefined;
}
