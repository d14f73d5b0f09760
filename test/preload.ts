/** For every test file: tests start processes, mounts and guests, so the limit is a minute. (bunfig has no such key.) */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(60_000);
