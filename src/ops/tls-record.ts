/**
 * TLS records as a peer in user space makes and reads them, with the keys that the kernel got.
 *
 * Owns the record format of AES-GCM in TLS 1.2 (RFC 5246, 5288) and 1.3 (RFC 8446, section 5): the second source for the
 * kernel's record path, and the only way to records that no kernel sends, padded ones for example. No handshake; no ChaCha20,
 * which Bun's crypto lacks.
 */
import { TLS_1_2_VERSION } from "../sys/uapi/socket.ts";
import type { TlsKeys } from "./tls.ts";

const HEADER_BYTES = 5;
const TAG_BYTES = 16;
const EXPLICIT_BYTES = 8;

/** Loaded at the first record: it costs as much as everything else that the door loads at once. */
const crypto = () => process.getBuiltinModule("node:crypto");

/** application_data. RFC 8446, section 5.1. */
export const TLS_APPLICATION_DATA = 23;

/** One record's content. */
export interface TlsRecord {
  /** The record's number since the keys were set: 0, 1, 2, … */
  readonly sequence: number;
  readonly data: Uint8Array;
  /** The content type; application data unless given. */
  readonly type?: number;
  /** Zeros behind the content, TLS 1.3 only. */
  readonly paddingBytes?: number;
}

/** TLS 1.2 carries a part of its nonce in the record. RFC 5288, section 3. */
function isExplicit(keys: TlsKeys): boolean {
  return keys.version === "1.2";
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function header(type: number, lengthBytes: number): Buffer {
  return Buffer.from([type, TLS_1_2_VERSION >> 8, TLS_1_2_VERSION & 255, lengthBytes >> 8, lengthBytes & 255]);
}

/** The nonce is the fixed part with the record's number or-ed in exclusively. RFC 8446, section 5.3. */
function mixedNonce(keys: TlsKeys, sequence: number): Buffer {
  const nonce = Buffer.concat([keys.salt, keys.iv]);
  for (const [index, byte] of number64(sequence).entries()) nonce[4 + index] = (nonce[4 + index] as number) ^ byte;
  return nonce;
}

function additional12(sequence: number, type: number, lengthBytes: number): Buffer {
  return Buffer.concat([number64(sequence), header(type, lengthBytes)]);
}

const OPTIONS = { authTagLength: TAG_BYTES };

function cipherName({ cipher }: TlsKeys): "aes-128-gcm" | "aes-256-gcm" {
  if (cipher === "chacha20-poly1305") throw new RangeError("records in user space: only AES-GCM, Bun has no ChaCha20");
  return cipher;
}

/** One record as it goes over the wire. */
export function seal(keys: TlsKeys, record: TlsRecord): Uint8Array {
  const { sequence, data, type = TLS_APPLICATION_DATA, paddingBytes = 0 } = record;
  if (keys.version === "1.3") {
    const inner = Buffer.concat([data, Buffer.from([type]), Buffer.alloc(paddingBytes)]);
    const head = header(TLS_APPLICATION_DATA, inner.length + TAG_BYTES);
    const cipher = crypto()
      .createCipheriv(cipherName(keys), keys.key, mixedNonce(keys, sequence), OPTIONS)
      .setAAD(head);
    return Buffer.concat([head, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }
  if (paddingBytes > 0) throw new RangeError("TLS 1.2 with these ciphers has no padding");
  const explicit = isExplicit(keys) ? number64(sequence) : Buffer.alloc(0);
  const nonce = isExplicit(keys) ? Buffer.concat([keys.salt, explicit]) : mixedNonce(keys, sequence);
  const cipher = crypto().createCipheriv(cipherName(keys), keys.key, nonce, OPTIONS);
  cipher.setAAD(additional12(sequence, type, data.length));
  const sealed = Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([header(type, explicit.length + sealed.length), explicit, sealed]);
}

/** What one whole record holds; an Error when it is not authentic. */
export function open(keys: TlsKeys, record: { sequence: number; bytes: Uint8Array }): Required<TlsRecord> {
  const bytes = Buffer.from(record.bytes);
  const { sequence } = record;
  const explicitBytes = isExplicit(keys) ? EXPLICIT_BYTES : 0;
  const explicit = bytes.subarray(HEADER_BYTES, HEADER_BYTES + explicitBytes);
  const body = bytes.subarray(HEADER_BYTES + explicitBytes, bytes.length - TAG_BYTES);
  const nonce = explicitBytes > 0 ? Buffer.concat([keys.salt, explicit]) : mixedNonce(keys, sequence);
  const decipher = crypto().createDecipheriv(cipherName(keys), keys.key, nonce, OPTIONS);
  const head = bytes.subarray(0, HEADER_BYTES);
  decipher.setAAD(keys.version === "1.3" ? head : additional12(sequence, bytes[0] as number, body.length));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const inner = Buffer.concat([decipher.update(body), decipher.final()]);
  if (keys.version === "1.2") return { sequence, data: inner, type: bytes[0] as number, paddingBytes: 0 };
  let end = inner.length - 1;
  while (end > 0 && inner[end] === 0) end -= 1;
  return { sequence, data: inner.subarray(0, end), type: inner[end] as number, paddingBytes: inner.length - 1 - end };
}
