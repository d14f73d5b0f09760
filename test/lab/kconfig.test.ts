/** What a build tree lacks is named, with the option and why. */
import { expect, test } from "bun:test";
import { FILE_SYSTEMS } from "../../src/lab/guest/filesystems.ts";
import { kconfigFragment, lackingIn, lackingText, parseConfig } from "../../src/lab/kconfig.ts";

test("the fragment is enough for every file system, and sets each option once", () => {
  for (const fileSystem of FILE_SYSTEMS) {
    const fragment = kconfigFragment(fileSystem);
    const names = [...fragment.matchAll(/^CONFIG_(\w+)=y$/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(lackingIn(parseConfig(fragment), new Set(), fileSystem)).toEqual({ needed: [], notBuilt: [] });
  }
});

test("what is off, or a module where it must be built in, is needed; a module that is not built is named", () => {
  const config = kconfigFragment("xfs")
    .replace("CONFIG_DEVTMPFS=y", "# CONFIG_DEVTMPFS is not set")
    .replace("CONFIG_BINFMT_SCRIPT=y", "CONFIG_BINFMT_SCRIPT=m")
    .replace("CONFIG_XFS_FS=y", "CONFIG_XFS_FS=m");
  const lacking = lackingIn(parseConfig(config), new Set(), "xfs");
  expect(lacking.needed.map((line) => line.split(" ")[0]).sort()).toEqual(["CONFIG_BINFMT_SCRIPT", "CONFIG_DEVTMPFS"]);
  expect(lacking.notBuilt).toEqual(["CONFIG_XFS_FS=m"]);
  expect(lackingText("/tree", lacking)).toContain("/tree lacks CONFIG_");
  expect(lackingText("/tree", { needed: [], notBuilt: lacking.notBuilt })).toContain("make modules");
  expect(lackingIn(parseConfig(config), new Set(["xfs"]), "xfs").notBuilt).toEqual([]);
  expect(lackingIn(parseConfig(kconfigFragment("tmpfs")), new Set(), "f2fs").needed).toEqual([
    "CONFIG_F2FS_FS (--fs f2fs)",
  ]);
  expect(lackingText("/tree", { needed: [], notBuilt: [] })).toBeUndefined();
});

test("virtio_console and PVH are optional", () => {
  const config = kconfigFragment("tmpfs").replace("CONFIG_VIRTIO_CONSOLE=y\n", "").replace("CONFIG_PVH=y\n", "");
  expect(lackingIn(parseConfig(config), new Set(), "tmpfs")).toEqual({ needed: [], notBuilt: [] });
});
