/**
 * Runs a command in a private mount namespace: bun test/private.ts COMMAND ARGUMENT…
 *
 * Owns what unshare(1) cannot do in a plain chroot, whose root is not a mount point. The command's exit code, or the signal
 * that ended it, is its own.
 */
import { enterPrivateMountNamespace } from "../src/ops/mount.ts";

/** Words to put before a command. */
export const IN_PRIVATE = [process.execPath, import.meta.path];

if (import.meta.main) {
  enterPrivateMountNamespace();
  const ended = Bun.spawnSync(process.argv.slice(2), { stdio: ["inherit", "inherit", "inherit"] });
  if (ended.signalCode !== undefined) process.kill(process.pid, ended.signalCode);
  process.exit(ended.exitCode);
}
