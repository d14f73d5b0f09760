/** What Node gets for `import "bytewitness"`: the kernel is called through bun:ffi, so one clear line instead of a riddle. */
throw new Error("bytewitness needs Bun (https://bun.sh): npm install --global bun, then run this file with bun");
