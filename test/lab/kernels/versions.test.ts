/** The order of Debian versions, with dpkg as the second source, and the grammar of --kernel. */
import { describe, expect, test } from "bun:test";
import {
  compareVersions,
  inSeries,
  isBackport,
  type KernelSpec,
  newestOf,
  parseKernelSpec,
  versionMatches,
} from "../../../src/lab/kernels/versions.ts";
import { needed } from "../../needed.ts";

const VERSIONS = [
  "5.10.218-1",
  "6.1.170-3",
  "6.1.170-3+b1",
  "6.1.176-1~deb11u1",
  "6.1.176-1",
  "6.12.90-1",
  "6.12.90-2",
  "6.12.9-10",
  "6.12.100-1~deb12u1",
  "6.12~rc3-1~exp1",
  "7.2.13-1",
  "1:1.0-1",
  "1.0",
  "1.0-0",
  "1.0a",
  "1.0+dfsg-1",
  "1.0~~-1",
  "1.0~-1",
  "0.09-1",
];

describe("compareVersions", () => {
  test.skipIf(needed("dpkg"))(
    "orders every pair as dpkg does",
    () => {
      for (const a of VERSIONS) {
        for (const b of VERSIONS) {
          const less = Bun.spawnSync(["dpkg", "--compare-versions", a, "lt", b]).exitCode === 0;
          const equal = Bun.spawnSync(["dpkg", "--compare-versions", a, "eq", b]).exitCode === 0;
          const expected = equal ? 0 : less ? -1 : 1;
          expect(`${a} ${b} ${Math.sign(compareVersions(a, b))}`).toBe(`${a} ${b} ${expected}`);
        }
      }
    },
    60_000,
  );
});

describe("parseKernelSpec", () => {
  const paths: Readonly<Record<string, "file" | "directory">> = {
    "linux.deb": "file",
    "/boot/vmlinuz-6.1": "file",
    ".": "directory",
    host: "file",
  };
  const parse = (text: string) => parseKernelSpec(text, (path) => paths[path]);

  test.each<[string, KernelSpec]>([
    ["host", { kind: "host" }],
    ["newest", { kind: "newest", series: undefined }],
    ["newest 6.12", { kind: "newest", series: "6.12" }],
    ["newest-6.1", { kind: "newest", series: "6.1" }],
    ["6.1.170", { kind: "version", version: "6.1.170" }],
    ["6.12.90-2", { kind: "version", version: "6.12.90-2" }],
    ["6.12.100-1~deb12u1", { kind: "version", version: "6.12.100-1~deb12u1" }],
    ["linux-image-6.1.0-47-cloud-amd64", { kind: "package", name: "linux-image-6.1.0-47-cloud-amd64" }],
    ["linux.deb", { kind: "deb", path: "linux.deb" }],
    ["/boot/vmlinuz-6.1", { kind: "vmlinuz", path: "/boot/vmlinuz-6.1" }],
    [".", { kind: "tree", path: "." }],
  ])("%s", (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  test.each(["", "latest", "6", "v6.1", "6.1.170;rm", "no/such/file"])("%j is refused with a sentence", (text) => {
    expect(parse(text)).toBeString();
  });
});

test("an upstream version matches all its revisions, a full one itself alone", () => {
  const all = ["6.12.90-1", "6.12.90-2", "6.12.9-1"];
  expect(all.filter((version) => versionMatches(version, "6.12.90"))).toEqual(["6.12.90-1", "6.12.90-2"]);
  expect(all.filter((version) => versionMatches(version, "6.12.90-1"))).toEqual(["6.12.90-1"]);
});

test("a series is a prefix in whole numbers", () => {
  const all = ["6.1.170-3", "6.12.90-2", "6.12-1", "6.120.1-1"];
  expect(all.filter((version) => inSeries(version, "6.12"))).toEqual(["6.12.90-2", "6.12-1"]);
  expect(all.filter((version) => inSeries(version, "6.1"))).toEqual(["6.1.170-3"]);
});

test("rebuilds for older releases are known by their suffix", () => {
  const all = ["6.12.90-2", "6.12.100-1~deb12u1", "6.12.9-1~bpo12+1", "6.12~rc3-1"];
  expect(all.filter(isBackport)).toEqual(["6.12.100-1~deb12u1", "6.12.9-1~bpo12+1"]);
});

test.each([
  [["6.12.117-1", "7.2.13-1", "7.3.4-1~bpo13+1", "7.3~rc7-1~exp1"], "7.3.4-1~bpo13+1"],
  [["6.1.172-1", "6.1.172-1~deb11u1"], "6.1.172-1"],
  [["6.1.172-1~deb11u1", "6.1.172-1"], "6.1.172-1"],
  [["6.12.90-1", "6.12.90-2"], "6.12.90-2"],
  [["6.12.90-2~bpo12+1", "6.12.90-1"], "6.12.90-1"],
])("the newest of %j is %s", (versions, newest) => {
  expect(newestOf(versions.map((version) => ({ version })))?.version).toBe(newest);
  expect(newestOf([])).toBeUndefined();
});
