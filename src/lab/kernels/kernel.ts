/**
 * From a word to a kernel on disk: the boot image, its modules, its changelog.
 *
 * Owns the choice among packages, unpacking (dpkg-deb, into the cache, published whole or not at all), and the shapes
 * in which kernels come: Debian's packages before and after the split of 7.x, single .deb files, loose vmlinuz files,
 * build trees. Refuses to run scripts of a package and to install anything.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { commandOf } from "../../machine/invocation.ts";
import { downloadCompanion, downloadKernel, type KernelPackage, kernelIndex, knownKernels } from "./apt.ts";
import { cacheDirectory, findProgram, LabError, partialName, publish, readText, withLock } from "./cache.ts";
import { compareVersions, inSeries, type KernelSpec, newestOf, parseKernelSpec, versionMatches } from "./versions.ts";

export interface Kernel {
  /** As tables name it: "6.1.170", "linux (build tree)". */
  readonly label: string;
  /** The package version, where there is a package: "6.1.170-3". */
  readonly version: string | undefined;
  /** What the guest runs, with the package version where there is one: "linux-image-6.1.0-47-cloud-amd64 6.1.170-3". */
  readonly title: string;
  readonly vmlinuz: string;
  readonly modulesDirectory: string;
  /** The build tree, where it is one. */
  readonly tree?: string;
  /** A name for cached parts made from this kernel; undefined where the files may change under us (build trees). */
  readonly cacheKey: string | undefined;
  readonly changelog: string | undefined;
}

export interface ResolveOptions {
  readonly flavour: string;
  readonly modulesDirectory: string | undefined;
  readonly narrate: (line: string) => void;
  readonly quiet: boolean;
}

function lookAt(path: string): "file" | "directory" | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return "directory";
  return stat?.isFile() ? "file" : undefined;
}

export function readSpec(text: string): KernelSpec {
  const spec = parseKernelSpec(text, lookAt);
  if (typeof spec === "string") throw new LabError(spec, { exitCode: 254 });
  return spec;
}

/** Finds, and where needed downloads and unpacks, the kernel that `spec` names. `host` has no kernel to find. */
export async function resolveKernel(
  spec: Exclude<KernelSpec, { kind: "host" }>,
  options: ResolveOptions,
): Promise<Kernel> {
  switch (spec.kind) {
    case "tree":
      return kernelOfTree(resolve(spec.path));
    case "vmlinuz":
      return kernelOfFile(resolve(spec.path), options.modulesDirectory);
    case "deb":
      return await kernelOfDeb(resolve(spec.path));
    default:
      return await kernelOfPackage(await choosePackage(spec, options), options);
  }
}

type PackageSpec = Extract<KernelSpec, { kind: "newest" | "version" | "package" }>;

/** The package that a version, a series or a name means; of rebuilds of one version the original. */
export async function choosePackage(
  spec: PackageSpec,
  { flavour, narrate }: Pick<ResolveOptions, "flavour" | "narrate">,
): Promise<KernelPackage> {
  const matching = (packages: readonly KernelPackage[]) => {
    const fits = packages.filter((entry) => {
      if (spec.kind === "package") return entry.name === spec.name;
      if (entry.flavour !== flavour) return false;
      if (spec.kind === "version") return versionMatches(entry.version, spec.version);
      return spec.series === undefined || inSeries(entry.version, spec.series);
    });
    return newestOf(fits);
  };
  // An exact version means the same in yesterday's index; only "newest" must ask today.
  const known = spec.kind === "newest" ? undefined : matching(knownKernels());
  if (known) return known;
  let index: readonly KernelPackage[] = [];
  let trouble: unknown;
  try {
    index = await kernelIndex(narrate);
  } catch (error) {
    trouble = error;
  }
  const found = matching(index) ?? matching(unpackedPackages());
  if (found) return found;
  if (trouble !== undefined) throw trouble;
  const what = spec.kind === "package" ? spec.name : spec.kind === "version" ? spec.version : `newest ${spec.series}`;
  const series = spec.kind === "version" && index.some(({ version }) => inSeries(version, spec.version));
  const hint = series && spec.kind === "version" ? `, or write "newest ${spec.version}"` : "";
  throw new LabError(
    `no ${flavour} kernel package matches ${what}: ${commandOf("lab")} kernels lists what there is${hint}`,
    {
      exitCode: 254,
    },
  );
}

const kernelsDirectory = () => cacheDirectory("kernels");

export function cachedPath(entry: Pick<KernelPackage, "name" | "version">): string {
  return join(kernelsDirectory(), `${entry.name}_${entry.version}`);
}

/** What is unpacked already stays usable without a network, and after the mirror has dropped it. */
function unpackedPackages(): KernelPackage[] {
  return readdirSync(kernelsDirectory())
    .flatMap((directory) => {
      const [, name = "", flavour = "", version = ""] =
        /^(linux-\S+-((?:cloud-|rt-)?amd64))_(.+)$/.exec(directory) ?? [];
      return name === "" ? [] : [{ name, flavour, version, suite: "cache", sizeBytes: 0 }];
    })
    .sort((a, b) => compareVersions(a.version, b.version));
}

async function kernelOfPackage(entry: KernelPackage, { narrate, quiet }: ResolveOptions): Promise<Kernel> {
  const place = cachedPath(entry);
  await onceUnpacked(place, async () => {
    narrate(`fetching ${entry.name} ${entry.version} (${Math.round(entry.sizeBytes / 1e6)} MB, ${entry.suite})`);
    // Not a partial directory of this pid: apt resumes what an interrupted run left in it.
    const downloads = cacheDirectory("downloads", `${entry.name}_${entry.version}`);
    await unpack(await downloadKernel(entry, { directory: downloads, quiet, narrate }), place);
    rmSync(downloads, { recursive: true, force: true });
  });
  return kernelOfUnpacked(place, {
    label: entry.version.replace(/-[^-]*$/, ""),
    version: entry.version,
    title: `${entry.name} ${entry.version}`,
  });
}

async function kernelOfDeb(path: string): Promise<Kernel> {
  const digest = createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 16);
  const place = join(kernelsDirectory(), `deb-${digest}`);
  await onceUnpacked(place, () => unpack([path], place));
  return kernelOfUnpacked(place, { label: basename(path, ".deb"), title: basename(path) });
}

/** Labs that want one kernel at the same time: the first makes it, the others wait for it. */
async function onceUnpacked(place: string, make: () => Promise<void>): Promise<void> {
  if (existsSync(place)) return;
  await withLock(basename(place), async () => {
    if (!existsSync(place)) await make();
  });
}

async function unpack(packages: readonly string[], place: string): Promise<void> {
  const dpkgDeb = findProgram("dpkg-deb", "dpkg");
  const partial = partialName(kernelsDirectory(), basename(place));
  mkdirSync(partial, { recursive: true });
  for (const file of packages) {
    const child = Bun.spawn([dpkgDeb, "-x", file, partial], { stdin: "ignore", stdout: 2, stderr: "inherit" });
    if ((await child.exited) !== 0) throw new LabError(`dpkg-deb could not unpack ${file}`);
  }
  publish(partial, place);
}

function firstExisting(...paths: (string | undefined)[]): string | undefined {
  return paths.find((path) => path !== undefined && existsSync(path));
}

interface Names {
  readonly label: string;
  readonly title: string;
  readonly version?: string;
}

function kernelOfUnpacked(place: string, { label, title, version }: Names): Kernel {
  const modulesRoot = firstExisting(join(place, "usr/lib/modules"), join(place, "lib/modules"));
  const release = modulesRoot === undefined ? undefined : readdirSync(modulesRoot)[0];
  const boot = join(place, "boot");
  const inBoot = existsSync(boot) ? readdirSync(boot).find((name) => name.startsWith("vmlinuz-")) : undefined;
  const vmlinuz = firstExisting(
    inBoot && join(boot, inBoot),
    modulesRoot && release && join(modulesRoot, release, "vmlinuz"),
  );
  if (vmlinuz === undefined)
    throw new LabError(`${title} holds no kernel image (vmlinuz): is it a linux-image package?`);
  const changelogs = [...new Bun.Glob("usr/share/doc/linux-*/changelog*.gz").scanSync(place)];
  return {
    label,
    title,
    version,
    vmlinuz,
    modulesDirectory: modulesRoot && release ? join(modulesRoot, release) : join(place, "no-modules"),
    cacheKey: basename(place),
    changelog: changelogs[0] === undefined ? undefined : join(place, changelogs[0]),
  };
}

function kernelOfFile(path: string, modulesDirectory: string | undefined): Kernel {
  return {
    label: basename(path).replace(/^vmlinuz-/, ""),
    title: path,
    version: undefined,
    vmlinuz: path,
    // Without modules everything the guest needs must be built in; it prints on the console what it misses.
    modulesDirectory: resolve(modulesDirectory ?? join(path, "..", "no-modules")),
    cacheKey: undefined,
    changelog: undefined,
  };
}

function kernelOfTree(tree: string): Kernel {
  const vmlinuz = firstExisting(join(tree, "arch/x86/boot/bzImage"), join(tree, "arch/x86_64/boot/bzImage"));
  if (vmlinuz === undefined) {
    throw new LabError(`${tree} holds no arch/x86/boot/bzImage: build the kernel first (make bzImage modules)`);
  }
  const release = readText(join(tree, "include/config/kernel.release"))?.trim() ?? "unknown release";
  return {
    label: release,
    title: `${release} (build tree ${tree})`,
    version: undefined,
    vmlinuz,
    modulesDirectory: tree,
    tree,
    cacheKey: undefined,
    changelog: undefined,
  };
}

/**
 * The package that holds the documentation of an unpacked one, changelog included: since 6.18 that is linux-base-RELEASE,
 * which their own directories below /usr/share/doc are links to.
 */
export function documentationPackage(place: string): string | undefined {
  const documents = join(place, "usr/share/doc");
  if (!existsSync(documents)) return undefined;
  const entries = readdirSync(documents, { withFileTypes: true });
  const link = entries.find((entry) => entry.isSymbolicLink() && /^linux-(image|binary)-/.test(entry.name));
  const target = link === undefined ? "" : basename(readlinkSync(join(documents, link.name)));
  return /^linux-base-\d/.test(target) ? target : undefined;
}

/** The changelog of a package that leaves it to another one: fetched once, kept next to the kernel. */
async function fetchedChangelog(
  { cacheKey, version }: Kernel,
  narrate: (line: string) => void,
): Promise<string | undefined> {
  if (cacheKey === undefined || version === undefined) return undefined;
  const place = join(kernelsDirectory(), cacheKey);
  const name = documentationPackage(place);
  if (name === undefined) return undefined;
  const [kernelName = ""] = cacheKey.split("_");
  const suite = knownKernels().find((entry) => entry.name === kernelName && entry.version === version)?.suite ?? "";
  const directory = cacheDirectory("downloads", `${name}_${version}`);
  try {
    const file = await downloadCompanion({ name, version, suite }, { directory, narrate });
    const child = Bun.spawn([findProgram("dpkg-deb", "dpkg"), "-x", file, place], {
      stdin: "ignore",
      stderr: "inherit",
    });
    if ((await child.exited) !== 0) throw new LabError(`dpkg-deb could not unpack ${file}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return join(place, "usr/share/doc", name, "changelog.Debian.gz");
}

/** The entries of a package's changelog, newest first: one per version, as deb-changelog(5) separates them. */
export async function readChangelog(
  kernel: Kernel,
  narrate: (line: string) => void,
): Promise<{ version: string; text: string }[]> {
  const file = kernel.changelog ?? (await fetchedChangelog(kernel, narrate));
  if (file === undefined || !existsSync(file)) return [];
  const text = new TextDecoder().decode(Bun.gunzipSync(readFileSync(file)));
  return text
    .split(/\n(?=\S+ \([^)]+\) )/)
    .map((entry) => ({ version: packageVersionOf(/^\S+ \(([^)]+)\)/.exec(entry)?.[1] ?? ""), text: entry }));
}

/** The signed packages' changelog calls its newest entry by the signing source's version: "6.12.94+1" for 6.12.94-1. */
function packageVersionOf(version: string): string {
  return version.includes("-") ? version : version.replace(/\+(\d+\S*)$/, "-$1");
}
