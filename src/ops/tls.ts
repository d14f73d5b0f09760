/**
 * Kernel TLS on a connected TCP socket: TCP_ULP "tls", and the keys of one direction. Documentation/networking/tls.rst.
 *
 * Owns the kernel's key structures; there is no handshake here. Keys that are not given are fixed ones, which protect
 * nothing: the purpose is the kernel's record path. What a peer's records look like is in tls-record.ts.
 */
import { readFileSync } from "node:fs";
import { ERRNO } from "../sys/errno.ts";
import type { Layout } from "../sys/uapi/layout.ts";
import * as S from "../sys/uapi/socket.ts";
import { checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { connectedPair } from "./socket.ts";
import { setOption, trySetOption } from "./socket-option.ts";

const HINT = "the kernel's tls module is missing: `modprobe tls` as root, or a kernel with CONFIG_TLS";

type InfoField = "info.version" | "info.cipher_type" | "iv" | "key" | "salt" | "rec_seq";

/** What differs between ciphers: the structure, its number, and the lengths of its secrets. */
const CIPHERS: Record<TlsCipher, { info: Layout<InfoField>; number: number }> = {
  "aes-128-gcm": { info: S.tls12_crypto_info_aes_gcm_128, number: S.TLS_CIPHER_AES_GCM_128 },
  "aes-256-gcm": { info: S.tls12_crypto_info_aes_gcm_256, number: S.TLS_CIPHER_AES_GCM_256 },
  "chacha20-poly1305": { info: S.tls12_crypto_info_chacha20_poly1305, number: S.TLS_CIPHER_CHACHA20_POLY1305 },
};
const FIELDS = ["iv", "key", "salt"] as const;

/** The ciphers that both the kernel and this toolkit know. */
export type TlsCipher = "aes-128-gcm" | "aes-256-gcm" | "chacha20-poly1305";

/** The secrets of one direction, as the kernel takes them: the nonce is `salt` and `iv` together, 12 bytes. */
export interface TlsKeys {
  readonly version: "1.2" | "1.3";
  readonly cipher: TlsCipher;
  readonly key: Uint8Array;
  /** 4 bytes; none with ChaCha20. */
  readonly salt: Uint8Array;
  /** 8 bytes; 12 with ChaCha20. */
  readonly iv: Uint8Array;
  /** The number of the next record; 0 unless given. */
  readonly sequence?: number;
}

/** Bytes of the fields of a cipher's structure, by their order in it. */
function fieldBytes(info: Layout<InfoField>, field: (typeof FIELDS)[number]): number {
  const at = info.offsets;
  const next = Object.values(at).filter((offset) => offset > at[field]);
  // ChaCha20's salt is empty and shares its offset with the record number.
  return at.rec_seq === at[field] ? 0 : Math.min(...next) - at[field];
}

/** Fixed keys for tests, the same at every call: byte n of the kernel's structure is n. */
export function testKeys(options: { readonly version: TlsKeys["version"]; readonly cipher?: TlsCipher }): TlsKeys {
  const { version, cipher = "aes-128-gcm" } = options;
  const { info } = CIPHERS[cipher];
  const field = (name: (typeof FIELDS)[number]) =>
    Uint8Array.from({ length: fieldBytes(info, name) }, (_, index) => info.offsets[name] + index);
  return { version, cipher, iv: field("iv"), key: field("key"), salt: field("salt") };
}

/** `setsockopt(fd, SOL_TCP, TCP_ULP, "tls", …)`: 0, or -errno (-ENOENT: no tls module). tcp(7), tls.rst. */
function tryEnableTls(fd: Fd): number {
  return trySetOption(fd, { level: S.SOL_TCP, option: S.TCP_ULP, value: Buffer.from("tls\0") });
}

/**
 * `setsockopt(fd, SOL_TLS, TLS_TX | TLS_RX, struct tls12_crypto_info_…, …)` after TCP_ULP, which is set once for both
 * directions. Without `keys`: TLS 1.2 with AES-GCM-128 and the fixed test keys. tls.rst.
 */
export function startTls(fd: Fd, options: { readonly direction: "send" | "receive"; readonly keys?: TlsKeys }): void {
  const { direction, keys = testKeys({ version: "1.2" }) } = options;
  const enabled = tryEnableTls(fd);
  // EEXIST: the other direction was started before.
  if (enabled !== -ERRNO.EEXIST) {
    checkedNegative(enabled, "setsockopt", `${fd.label}, TCP_ULP "tls"`, enabled === -ERRNO.ENOENT ? HINT : undefined);
  }
  const { info, number } = CIPHERS[keys.cipher];
  const value = new Uint8Array(info.sizeBytes);
  const view = new DataView(value.buffer);
  view.setUint16(info.offsets["info.version"], keys.version === "1.3" ? S.TLS_1_3_VERSION : S.TLS_1_2_VERSION, true);
  view.setUint16(info.offsets["info.cipher_type"], number, true);
  for (const field of FIELDS) {
    const wanted = fieldBytes(info, field);
    if (keys[field].length !== wanted) {
      throw new RangeError(`the ${field} of ${keys.cipher} has ${wanted} bytes, not ${keys[field].length}`);
    }
    value.set(keys[field], info.offsets[field]);
  }
  view.setBigUint64(info.offsets.rec_seq, BigInt(keys.sequence ?? 0), false);
  setOption(fd, { level: S.SOL_TLS, option: direction === "send" ? S.TLS_TX : S.TLS_RX, value });
}

/**
 * `setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, 1)`: records are decrypted straight into the caller's buffer, in the
 * expectation that none is padded; 0, or -errno. TLS 1.3, Linux 6.0. tls.rst.
 */
export function tryExpectNoPadding(fd: Fd): number {
  return trySetOption(fd, { level: S.SOL_TLS, option: S.TLS_RX_EXPECT_NO_PAD, value: 1 });
}

/** Undefined when this kernel has TLS for sockets, else why not and what to do. Needs the loopback interface. */
export function tlsMissing(): string | undefined {
  using pair = connectedPair({ family: "ipv4", host: "127.0.0.1", port: 0 });
  const result = tryEnableTls(pair.client);
  if (result === 0) return undefined;
  return result === -ERRNO.ENOENT ? HINT : `TCP_ULP "tls" is refused with errno ${-result}`;
}

/** What asking for kernel TLS changes for the whole system: undefined when its module is loaded already. tls.rst. */
export function loadsTls(): string | undefined {
  let loaded = "";
  try {
    loaded = readFileSync("/proc/sys/net/ipv4/tcp_available_ulp", "utf8");
  } catch {
    // a kernel without upper-layer protocols has no such file, and nothing to load
    return undefined;
  }
  return loaded.split(/\s+/).includes("tls") ? undefined : "loads the kernel's module tls";
}
