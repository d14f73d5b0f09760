/** Which of xfsprogs' option files a guest kernel gets. */
import { expect, test } from "bun:test";
import { xfsOptionFile } from "../../../src/lab/guest/disk.ts";

const FILES = ["dax_x86_64.conf", "lts_4.19.conf", "lts_5.10.conf", "lts_5.15.conf", "lts_6.1.conf"];

test.each([
  ["5.10.0-30-cloud-amd64", "lts_5.10.conf"],
  ["5.11.3", "lts_5.10.conf"],
  ["6.1.0-47-cloud-amd64", undefined],
  ["6.12.90", undefined],
  ["4.4.0", undefined],
  ["no-modules", undefined],
])("a guest that runs %s gets %p", (release, expected) => {
  expect(xfsOptionFile(release, FILES)).toBe(expected as string);
});
