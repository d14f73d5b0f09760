#!/usr/bin/env bun
/**
 * lab: run any script of this repository on another kernel, in a virtual machine.
 *
 *   bun run lab.ts run --kernel 6.1.170 -- uring-append.ts --seconds 5
 *   bun run lab.ts matrix --kernels 6.1.170,6.1.176,newest -- uring-append.ts --seconds 20
 *   bun run lab.ts bisect --good 6.12.117 --bad 6.12.90 --grep iomap -- uring-append.ts --seconds 20
 *   bun run lab.ts kernels
 *   bun run lab.ts shell --kernel "newest 6.12"
 *
 * In a kernel build tree, after `git bisect start`:
 *
 *   git bisect run bun /path/to/bytewitness/scripts/lab.ts run --kernel . -- uring-append.ts --seconds 5
 *
 * (`bun run lab.ts` changes to this package's root first, so there give the tree's path: --kernel "$PWD".)
 *
 * Needs qemu-system-x86, busybox-static and the mkfs of the file system; setup.sh brings them. Nothing of the system's
 * apt, /boot or modules is touched. The reason that this script does not import "bytewitness": the door of the package
 * is loaded by every script in every guest, and the lab's code has no business there.
 */
import { runTool } from "../src/cli/desk.ts";
import { lab } from "../src/lab/main.ts";

await runTool(lab);
