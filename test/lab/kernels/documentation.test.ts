/** Where an unpacked kernel's changelog is, when its package leaves that to another one. */
import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { documentationPackage } from "../../../src/lab/kernels/kernel.ts";
import { temporaryDirectory } from "../temporary.ts";

test("a link below /usr/share/doc names the package that holds the changelog", () => {
  using temporary = temporaryDirectory();
  const documents = join(temporary.path, "usr/share/doc");
  expect(documentationPackage(temporary.path)).toBeUndefined();
  mkdirSync(join(documents, "linux-image-6.12.118+deb13-cloud-amd64"), { recursive: true });
  expect(documentationPackage(temporary.path)).toBeUndefined();
  symlinkSync("linux-base-7.2.9+deb13-cloud-amd64", join(documents, "linux-binary-7.2.9+deb13-cloud-amd64"));
  expect(documentationPackage(temporary.path)).toBe("linux-base-7.2.9+deb13-cloud-amd64");
});

test("a link to anything else is not followed", () => {
  using temporary = temporaryDirectory();
  const documents = join(temporary.path, "usr/share/doc");
  mkdirSync(documents, { recursive: true });
  symlinkSync("../../../etc", join(documents, "linux-image-6.1.0-47-cloud-amd64"));
  expect(documentationPackage(temporary.path)).toBeUndefined();
});
