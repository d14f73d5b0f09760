/** Sockets, readiness and kernel TLS: <sys/socket.h>, <netinet/*>, <poll.h>, <sys/epoll.h>, <linux/tls.h>. */
import { layout } from "./layout.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_MPTCP = 262;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_LINGER = 13;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const IPV6_V6ONLY = 26;

export const SOL_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_MAXSEG = 2;
export const TCP_CORK = 3;
export const TCP_CONGESTION = 13;
export const TCP_ULP = 31;

export const SOL_TLS = 282;
export const TLS_TX = 1;
export const TLS_RX = 2;
export const TLS_1_2_VERSION = 0x0303;
export const TLS_CIPHER_AES_GCM_128 = 51;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

export const MSG_PEEK = 2;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;
export const POLLRDHUP = 0x2000;

export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 0x80000000;

export const EFD_CLOEXEC = 0o2000000;
export const EFD_NONBLOCK = 0o4000;

/** Interfaces by ioctl: netdevice(7), <linux/sockios.h>, <net/if.h>, <linux/ethtool.h>. */
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCSIFADDR = 0x8916;
export const SIOCSIFNETMASK = 0x891c;
export const SIOCETHTOOL = 0x8946;
export const IFF_UP = 1;
export const ETHTOOL_STXCSUM = 0x17;
export const ETHTOOL_SSG = 0x19;
export const ETHTOOL_STSO = 0x1f;
export const ETHTOOL_SGSO = 0x24;
export const ETHTOOL_SGRO = 0x2c;

/** `ifr_addr`, `ifr_flags` and `ifr_data` share one union after the name. */
export const ifreq = layout("struct ifreq", 40, { ifr_name: 0, ifr_flags: 16, ifr_addr: 16, ifr_data: 16 });
export const ethtool_value = layout("struct ethtool_value", 8, { cmd: 0, data: 4 });

export const sockaddr_in = layout("struct sockaddr_in", 16, { sin_family: 0, sin_port: 2, sin_addr: 4 });
export const sockaddr_in6 = layout("struct sockaddr_in6", 28, {
  sin6_family: 0,
  sin6_port: 2,
  sin6_flowinfo: 4,
  sin6_addr: 8,
  sin6_scope_id: 24,
});
export const sockaddr_un = layout("struct sockaddr_un", 110, { sun_family: 0, sun_path: 2 });
export const pollfd = layout("struct pollfd", 8, { fd: 0, events: 4, revents: 6 });
/** Packed on x86-64 only (12 bytes); 16 bytes with `data` at 8 elsewhere. */
export const epoll_event =
  process.arch === "x64"
    ? layout("struct epoll_event", 12, { events: 0, data: 4 })
    : layout("struct epoll_event", 16, { events: 0, data: 8 });
export const linger = layout("struct linger", 8, { l_onoff: 0, l_linger: 4 });
export const timeval = layout("struct timeval", 16, { tv_sec: 0, tv_usec: 8 });
export const tls12_crypto_info_aes_gcm_128 = layout("struct tls12_crypto_info_aes_gcm_128", 40, {
  "info.version": 0,
  "info.cipher_type": 2,
  iv: 4,
  key: 12,
  salt: 28,
  rec_seq: 32,
});
