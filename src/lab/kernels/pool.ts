/**
 * A package that the index has dropped, straight from the archive's pool.
 *
 * Backports keep every signed kernel in their index, but only the newest of the modules that belong to them (6.19 to 7.1:
 * linux-binary-… without linux-modules-…); the files themselves remain in the pool. Owns their address, the transfer (by
 * apt's own helper, so with the system's proxy), and the check that remains possible: the package inside must have the
 * wanted name, version and architecture. Refuses to hide that no signed index vouches for the file: it narrates that.
 */
import { basename, join } from "node:path";
import { capture, findProgram, LabError } from "./cache.ts";
import type { Mirrors } from "./sources.ts";

const HELPER = "/usr/lib/apt/apt-helper";

export interface PoolPackage {
  readonly name: string;
  readonly version: string;
  readonly suite: string;
}

/** Where the archive keeps a binary package of the source package "linux"; epochs are not part of file names. */
export function poolAddress({ name, version, suite }: PoolPackage, { main, security }: Mirrors): string {
  const inSecurity = security !== undefined && suite.endsWith("-security");
  const pool = inSecurity ? `${security}/pool/updates/main` : `${main}/pool/main`;
  return `${pool}/l/linux/${name}_${version.replace(/^\d+:/, "")}_amd64.deb`;
}

/** Throws unless the file is that package. */
export async function checkPackage(file: string, { name, version }: Omit<PoolPackage, "suite">): Promise<void> {
  const fields = ["Package", "Version", "Architecture"];
  const { code, stdout } = await capture([findProgram("dpkg-deb", "dpkg"), "-f", file, ...fields]);
  const found = stdout.trim().split("\n").join(", ");
  const wanted = [name, version, "amd64"].map((value, index) => `${fields[index]}: ${value}`).join(", ");
  if (code !== 0 || found !== wanted) {
    throw new LabError(`${basename(file)} is not the package that it should be: ${found || "not a package"}`);
  }
}

/** Fetches the package into `directory`, and returns the file. */
export async function downloadFromPool(
  wanted: PoolPackage,
  { mirrors, directory, narrate }: { mirrors: Mirrors; directory: string; narrate: (line: string) => void },
): Promise<string> {
  const address = poolAddress(wanted, mirrors);
  const file = join(directory, basename(address));
  narrate(`${wanted.name} has left the package index: from the archive's pool, not vouched for by a signed index`);
  // A download whose lab was killed must not continue by itself.
  const guarded = [findProgram("setpriv", "util-linux"), "--pdeathsig", "KILL", "--"];
  const { code, stderr } = await capture([
    ...guarded,
    ...[HELPER, "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=2", "download-file", address, file],
  ]);
  if (code !== 0) {
    const why = stderr.split("\n").find((line) => line.startsWith("E:")) ?? `apt-helper ended ${code}`;
    const missing = `${wanted.name} ${wanted.version} is neither in the package index nor in the archive's pool`;
    throw new LabError(`${missing} (${why}); without it a guest has no disk: take another version`);
  }
  await checkPackage(file, wanted);
  return file;
}
