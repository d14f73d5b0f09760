/**
 * The other side of process.ts: one process that runs the one function it is sent, and ends.
 *
 * Owns nothing but its end: the exit code is 0 when the answer is in the mail, whatever the answer is.
 */
import { libc } from "../../sys/libc.ts";
import { PR_SET_PDEATHSIG, SIGKILL } from "../../sys/uapi/mount.ts";
import { Fd } from "../fd.ts";
import { becomeCallee } from "../thread/callee.ts";
import { plain, plainError, revived, type ThreadAnswer } from "../thread/crossing.ts";
import { functionAt } from "../thread/functions.ts";
import { MAIL_FD, type ProcessRequest, putMail, takeMail } from "./process.ts";

async function answer({ place, args }: ProcessRequest): Promise<ThreadAnswer> {
  try {
    const fn = await functionAt(place);
    const seen = { fds: [], buffers: [] };
    const made = plain(await fn(...args.map(revived)), seen);
    if (seen.fds.length + seen.buffers.length === 0) return { value: made };
    throw new RangeError(`"${place.name}" returned a descriptor or a buffer: neither outlives its process`);
  } catch (error) {
    return { error: plainError(error) };
  }
}

becomeCallee();
const mail = new Fd(MAIL_FD, "mail");
const request = takeMail(mail) as ProcessRequest;
libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
// The parent may be gone already; then there is no one to answer.
if (libc.getppid() === request.parent) {
  const made = await answer(request);
  try {
    putMail(mail, made);
  } catch (error) {
    // The answer is longer than a file may be here (RLIMIT_FSIZE, EFBIG); why there is none is short.
    putMail(mail, { error: plainError(error) });
  }
}
process.exit(0);
