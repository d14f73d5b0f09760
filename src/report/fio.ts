/**
 * What is wrong with a file of fio's blocks, in words, made of a finding's `fio`.
 *
 * Owns the wording; judge/fio found out what is true.
 */
import type { Finding, FioEvidence } from "../judge/finding.ts";
import { grouped, plural } from "./format.ts";

/** Undefined for a finding that is not about fio's blocks. */
export function fioText(finding: Finding): string | undefined {
  const { fio } = finding;
  return fio === undefined ? undefined : `${whatText(finding, fio)}${relationText(finding, fio)}`;
}

function whatText(finding: Finding, fio: FioEvidence): string {
  const { offsetBytes, lengthBytes, originBytes = 0, label, value, wordBytes = 8 } = finding;
  const { operation = 0, timeNs = 0, blockAtBytes = 0 } = fio;
  const after = `${(timeNs / 1e9).toFixed(3)} s`;
  const part = `a part of the block at ${grouped(blockAtBytes)}`;
  switch (fio.what) {
    case "other job":
      return `a block of ${label}`;
    case "older write":
      return `the bytes here are of operation ${grouped(operation)} at ${after}, which does not fit this run: an older write`;
    case "other block": {
      const whole = fio.damaged === true ? ", and that data is damaged too" : "";
      return `the block at ${grouped(offsetBytes)} holds the data of ${grouped(originBytes)}, written by operation ${grouped(operation)}, ${after} after the start${whole}`;
    }
    case "no block": {
      const found = value === undefined ? "zeros" : `bytes 0x${value.toString(16).padStart(2, "0")}`;
      return `${found} where a block should be (or it was never written)`;
    }
    case "reversed block":
      return `the right block with the bytes of every ${wordBytes * 8}-bit word reversed`;
    case "shifted":
      return `the data of ${grouped(originBytes)} is at ${grouped(offsetBytes)}: fio's blocks were shifted by ${grouped(Math.abs(offsetBytes - originBytes))} bytes`;
    case "part of a block":
      return `${part} holds the data of the block at ${grouped(originBytes - (offsetBytes - blockAtBytes))}`;
    case "part of a write":
      return `${part} is from another write of fio: a write that was torn, or lost`;
    case "end":
      return `${grouped(lengthBytes)} bytes are missing at the end`;
    default:
      return `${pieceText(finding, fio)} in the block at ${grouped(blockAtBytes)}`;
  }
}

/** A part of a block whose place is right. */
function pieceText(
  { kind, value = 0, wordBytes, bits = [] }: Finding,
  { inHeader, headless, bySum }: FioEvidence,
): string {
  switch (kind) {
    case "zeroed":
      return "zeros";
    case "filled":
      return `bytes 0x${value.toString(16)}`;
    case "bit-flipped": {
      const names = bits.map(({ bit, offsetBytes }) => `bit ${bit} of byte ${grouped(offsetBytes)}`).join(", ");
      const of = inHeader === true ? " of the header" : "";
      return `${names}${of}${wordBytes === undefined ? "" : ", and so every 8 bytes"},`;
    }
    case "byte-swapped":
      return `words of ${wordBytes} bytes reversed`;
    default:
      // Time and number of the write are in it and nowhere else.
      if (inHeader === true) return "a damaged header (some of its bytes may be right: its time cannot be known)";
      if (bySum === true) return "a payload whose checksum is wrong (some of its bytes may be right)";
      // What fio wrote there is known by the header alone.
      return headless === true
        ? "bytes without a header of fio, so it is not known which of them are wrong,"
        : "bytes that fio did not write there,";
  }
}

/** "; what belongs here is at 4,096, written 37 operations earlier". */
function relationText({ alsoAtBytes }: Finding, { operationsLater: later }: FioEvidence): string {
  if (alsoAtBytes === undefined) return "";
  const there = `; what belongs here is at ${grouped(alsoAtBytes)}`;
  if (later === undefined) return there;
  return `${there}, written ${plural(Math.abs(later), "operation")} ${later > 0 ? "earlier" : "later"}`;
}
