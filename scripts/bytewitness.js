#!/bin/sh
':' //; command -v bun >/dev/null 2>&1 && exec bun "$0" "$@"
':' //; echo "bytewitness: needs Bun (https://bun.sh): npm install --global bun, then bunx bytewitness" >&2; exit 255

/**
 * bytewitness: the package's commands by name, from anywhere: `bunx bytewitness uring-append --seconds 5`.
 *
 * A shell takes the two lines above and hands over to Bun; Node, which takes neither, gets one clear line. Owns nothing
 * else: src/cli/installed.ts knows the commands. (JavaScript, because Node strips no types below node_modules.)
 */
if (process.versions.bun === undefined) {
  console.error("bytewitness: needs Bun (https://bun.sh): npm install --global bun, then bunx bytewitness");
  process.exit(255);
}
const { installed } = await import("../src/cli/installed.ts");
await installed(process.argv.slice(2));
