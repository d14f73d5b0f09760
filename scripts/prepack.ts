#!/usr/bin/env bun
/**
 * prepack: the package's types for whoever installs it, written by the compiler to types/ when `bun pm pack` makes a tarball.
 *
 * Declarations instead of sources, because a compiler checks sources by its user's settings and leaves declarations be.
 */
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTool } from "../src/cli/desk.ts";
import { defineTool } from "../src/cli/tool.ts";

const ROOT = dirname(import.meta.dir);
const EMIT = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", "src", "--outDir", "types"];

await runTool(
  defineTool({
    name: "prepack",
    summary: "writes the types of the package to types/",
    run: () => {
      rmSync(join(ROOT, "types"), { recursive: true, force: true });
      const tsc = [join(ROOT, "node_modules/.bin/tsc"), ...EMIT, "--project", "tsconfig.types.json"];
      return Bun.spawnSync(tsc, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] }).exitCode;
    },
  }),
);
