/** The index of kernel packages, read from a Packages file made by hand. */
import { expect, test } from "bun:test";
import { parseIndex } from "../../../src/lab/kernels/apt.ts";

const stanza = (name: string, version: string, size: number) =>
  `Package: ${name}\nSource: linux\nVersion: ${version}\nArchitecture: amd64\nSize: ${size}\nDescription: ${name}\n`;

test("kernels are picked out of a Packages file, whole, split and empty ones distinguished", () => {
  const text = [
    "Package: bash\nVersion: 1\nDescription: mentions\n Package: linux-image-9.9-amd64 in its text\n",
    stanza("linux-image-6.1.0-47-cloud-amd64", "6.1.170-3", 26429640),
    stanza("linux-image-6.1.0-47-cloud-amd64-dbg", "6.1.170-3", 280000000),
    stanza("linux-image-6.1.0-47-cloud-amd64-unsigned", "6.1.170-3", 26429000),
    stanza("linux-image-6.1.0-0.deb11.48-cloud-amd64", "6.1.172-1~deb11u1", 27983168),
    stanza("linux-image-6.12-cloud-amd64", "6.12.117-1~deb12u1", 1400),
    stanza("linux-image-6.12.90+deb13.1-amd64", "6.12.90-2", 100000000),
    stanza("linux-image-7.2.13+deb14-cloud-amd64", "7.2.13-1", 1916),
    stanza("linux-binary-7.2.13+deb14-cloud-amd64", "7.2.13-1", 13717736),
    stanza("linux-modules-7.2.13+deb14-cloud-amd64", "7.2.13-1", 23451956),
    stanza("linux-headers-7.2.13+deb14-cloud-amd64", "7.2.13-1", 1000000),
  ].join("\n");
  const cloud = { suite: "trixie", flavour: "cloud-amd64" };
  expect(parseIndex(Buffer.from(text), "trixie")).toEqual([
    { ...cloud, name: "linux-image-6.1.0-47-cloud-amd64", version: "6.1.170-3", sizeBytes: 26429640 },
    { ...cloud, name: "linux-image-6.1.0-0.deb11.48-cloud-amd64", version: "6.1.172-1~deb11u1", sizeBytes: 27983168 },
    {
      suite: "trixie",
      flavour: "amd64",
      name: "linux-image-6.12.90+deb13.1-amd64",
      version: "6.12.90-2",
      sizeBytes: 100000000,
    },
    {
      ...cloud,
      name: "linux-binary-7.2.13+deb14-cloud-amd64",
      version: "7.2.13-1",
      sizeBytes: 13717736,
      modulesPackage: "linux-modules-7.2.13+deb14-cloud-amd64",
    },
  ]);
});
