/** Flags know their call: the compiler refuses those of another family, and takes what scripts write. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Fd, loopImage, mount, openFile, seek, splice } from "../../src/index.ts";
import { MSG_PEEK, O_APPEND, SPLICE_F_MOVE } from "../../src/uapi.ts";
import { needed } from "../needed.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

test.skipIf(needed("a writable checkout"))(
  "a splice flag is not an open flag",
  () => {
    // Inside the repository: the compiler must find the project's types.
    const directory = mkdtempSync(`${ROOT}/test/sys/flags-`);
    try {
      const lines = [
        'import type { Fd } from "../../../src/index.ts";',
        'import { fallocate, openFile, seek, sqe, splice, trySplice } from "../../../src/index.ts";',
        'import { FALLOC_FL_KEEP_SIZE, MSG_PEEK, O_APPEND, O_CREAT, RWF_NOWAIT, SEEK_SET, SPLICE_F_MOVE } from "../../../src/uapi.ts";',
        "declare const fd: Fd;",
        'openFile("x", { flags: O_CREAT | O_APPEND });',
        'openFile("x", { flags: O_APPEND });',
        "trySplice(fd, fd, { lengthBytes: 1, flags: SPLICE_F_MOVE });",
        "seek(fd, { offsetBytes: 0, whence: SEEK_SET });",
        "fallocate(fd, { offsetBytes: 0, lengthBytes: 1, mode: FALLOC_FL_KEEP_SIZE });",
        "// wrong from here",
        'openFile("x", { flags: SPLICE_F_MOVE });',
        "splice(fd, fd, { lengthBytes: 1, flags: O_APPEND });",
        "seek(fd, { offsetBytes: 0, whence: MSG_PEEK });",
        "fallocate(fd, { offsetBytes: 0, lengthBytes: 1, mode: RWF_NOWAIT });",
        "export const request = sqe.recv;",
      ];
      writeFileSync(`${directory}/flags.ts`, lines.join("\n"));
      const config = { extends: "../../../tsconfig.json", include: ["flags.ts"] };
      writeFileSync(`${directory}/tsconfig.json`, JSON.stringify(config));
      const compiled = Bun.spawnSync([`${ROOT}/node_modules/.bin/tsc`, "-p", directory]);
      const wrong = [...compiled.stdout.toString().matchAll(/flags\.ts\((\d+),/g)].map((match) => Number(match[1]));
      expect([...new Set(wrong)]).toEqual([11, 12, 13, 14]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  60_000,
);

/** Never called: `bun run check static` compiles it, and a marked line that is no longer an error fails there. */
export function refusedFlags(fd: Fd): void {
  // @ts-expect-error: an open flag is not a mount flag
  mount({ source: "none", target: "/nonexistent", type: "tmpfs", flags: O_APPEND });
  // @ts-expect-error: a message flag is not a loop flag
  loopImage({ capacityBytes: 1, directory: "/nonexistent", flags: MSG_PEEK });
  // @ts-expect-error: a splice flag is not an open flag
  openFile("x", { flags: SPLICE_F_MOVE });
  // @ts-expect-error: an open flag is not a splice flag
  splice(fd, fd, { lengthBytes: 1, flags: O_APPEND });
  // @ts-expect-error: a message flag is not a whence
  seek(fd, { offsetBytes: 0, whence: MSG_PEEK });
}
