/**
 * Kernel TLS on a connected TCP socket: TCP_ULP "tls" and the keys of one direction.
 *
 * Owns the key structure; there is no handshake here. Both ends use one fixed test key, which protects nothing: the
 * purpose is the kernel's record path under splice(2). Documentation/networking/tls.rst.
 */
import { ERRNO } from "../sys/errno.ts";
import * as S from "../sys/uapi/socket.ts";
import { checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { connectTo, listenOn, localAddress, trySetOptionBytes } from "./socket.ts";

/** Most payload bytes of one TLS 1.2 record. RFC 5246, section 6.2.1. */
export const TLS_RECORD_BYTES_MAX = 16_384;

const HINT = "the kernel's tls module is missing: `modprobe tls` as root, or a kernel with CONFIG_TLS";

/** `setsockopt(SOL_TCP, TCP_ULP, "tls")`: 0, or -errno (-ENOENT: no tls module). tcp(7), tls.rst. */
export function tryEnableTls(fd: Fd): number {
  return trySetOptionBytes(fd, S.SOL_TCP, S.TCP_ULP, Buffer.from("tls\0"));
}

/** `setsockopt(SOL_TLS, TLS_TX | TLS_RX, struct tls12_crypto_info_aes_gcm_128)` with the fixed test key. tls.rst. */
export function startTls(fd: Fd, direction: "send" | "receive"): void {
  const enabled = tryEnableTls(fd);
  checkedNegative(enabled, "setsockopt", `${fd.label}, TCP_ULP "tls"`, enabled === -ERRNO.ENOENT ? HINT : undefined);
  const layout = S.tls12_crypto_info_aes_gcm_128;
  const info = new Uint8Array(layout.sizeBytes);
  const view = new DataView(info.buffer);
  view.setUint16(layout.offsets["info.version"], S.TLS_1_2_VERSION, true);
  view.setUint16(layout.offsets["info.cipher_type"], S.TLS_CIPHER_AES_GCM_128, true);
  // iv, key and salt are any bytes that both ends share; the record number starts at 0.
  for (let at = layout.offsets.iv; at < layout.offsets.rec_seq; at++) info[at] = at;
  const option = direction === "send" ? S.TLS_TX : S.TLS_RX;
  checkedNegative(trySetOptionBytes(fd, S.SOL_TLS, option, info), "setsockopt", `${fd.label}, SOL_TLS`);
}

/** Undefined when this kernel has TLS for sockets, else why not and what to do. Needs the loopback interface. */
export function tlsMissing(): string | undefined {
  using listener = listenOn({ family: "ipv4", host: "127.0.0.1", port: 0 });
  using fd = connectTo(localAddress(listener));
  const result = tryEnableTls(fd);
  if (result === 0) return undefined;
  return result === -ERRNO.ENOENT ? HINT : `TCP_ULP "tls" is refused with errno ${-result}`;
}
