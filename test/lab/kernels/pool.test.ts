/** Packages that the index has dropped: where the pool has them, and that another package is never taken for one. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, poolAddress } from "../../../src/lab/kernels/pool.ts";
import { temporaryDirectory } from "../temporary.ts";

const mirrors = {
  main: "http://a.example/debian",
  security: "http://s.example/debian-security",
  securityIsGuess: false,
};
const name = "linux-modules-6.19.14+deb13-cloud-amd64";
const version = "6.19.14-1~bpo13+1";

test("the address is the pool's, by archive; an epoch is not part of it", () => {
  const file = `l/linux/${name}_${version}_amd64.deb`;
  expect(poolAddress({ name, version, suite: "trixie-backports" }, mirrors)).toBe(
    `http://a.example/debian/pool/main/${file}`,
  );
  expect(poolAddress({ name, version: `1:${version}`, suite: "trixie-security" }, mirrors)).toBe(
    `http://s.example/debian-security/pool/updates/main/${file}`,
  );
});

test("a file is taken only for the package that it is", async () => {
  using temporary = temporaryDirectory();
  const directory = temporary.path;
  const tree = join(directory, "tree");
  mkdirSync(join(tree, "DEBIAN"), { recursive: true });
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: none\nDescription: none\n`;
  writeFileSync(join(tree, "DEBIAN/control"), control);
  const file = join(directory, "package.deb");
  expect(Bun.spawnSync(["dpkg-deb", "--build", "--root-owner-group", tree, file]).exitCode).toBe(0);
  await checkPackage(file, { name, version });
  await expect(checkPackage(file, { name, version: "6.19.15-1" })).rejects.toThrow("not the package that it should be");
  writeFileSync(file, "<html>no such file</html>");
  await expect(checkPackage(file, { name, version })).rejects.toThrow("not a package");
});
