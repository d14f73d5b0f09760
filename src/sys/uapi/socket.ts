/** Sockets, readiness and kernel TLS: <sys/socket.h>, <netinet/*>, <linux/vm_sockets.h>, <poll.h>, <linux/tls.h>, … */
import type { EpollEvents, MessageFlags, PollEvents, ShutdownHow } from "./flags.ts";
import { layout } from "./layout.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_RDS = 21;
export const AF_VSOCK = 40;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_MPTCP = 262;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_PASSCRED = 16;
export const SO_RCVLOWAT = 18;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const SO_PEEK_OFF = 42;
export const SO_ZEROCOPY = 60;
export const SCM_RIGHTS = 1;
export const IPV6_V6ONLY = 26;

export const SOL_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_MAXSEG = 2;
export const TCP_CORK = 3;
export const TCP_QUICKACK = 12;
export const TCP_CONGESTION = 13;
export const TCP_USER_TIMEOUT = 18;
export const TCP_NOTSENT_LOWAT = 25;
export const TCP_INQ = 36;
export const TCP_ULP = 31;

export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

export const SOL_MPTCP = 284;

export const SOL_TLS = 282;
export const TLS_TX = 1;
export const TLS_RX = 2;
export const TLS_TX_ZEROCOPY_RO = 3;
export const TLS_RX_EXPECT_NO_PAD = 4;
export const TLS_SET_RECORD_TYPE = 1;
export const TLS_GET_RECORD_TYPE = 2;
export const TLS_1_2_VERSION = 0x0303;
export const TLS_1_3_VERSION = 0x0304;
export const TLS_CIPHER_AES_GCM_128 = 51;
export const TLS_CIPHER_AES_GCM_256 = 52;
export const TLS_CIPHER_CHACHA20_POLY1305 = 54;

export const SHUT_RD = 0 as ShutdownHow;
export const SHUT_WR = 1 as ShutdownHow;
export const SHUT_RDWR = 2 as ShutdownHow;

export const MSG_OOB = 1 as MessageFlags;
export const MSG_PEEK = 2 as MessageFlags;
export const MSG_CTRUNC = 8 as MessageFlags;
export const MSG_TRUNC = 0x20 as MessageFlags;
export const MSG_DONTWAIT = 0x40 as MessageFlags;
export const MSG_EOR = 0x80 as MessageFlags;
export const MSG_WAITALL = 0x100 as MessageFlags;
export const MSG_ERRQUEUE = 0x2000 as MessageFlags;
export const MSG_NOSIGNAL = 0x4000 as MessageFlags;
export const MSG_MORE = 0x8000 as MessageFlags;

export const MSG_ZEROCOPY = 0x4000000 as MessageFlags;
export const MSG_CMSG_CLOEXEC = 0x40000000 as MessageFlags;

/** vsock(7): any context, the host's hypervisor, this machine itself, the host. */
export const VMADDR_CID_ANY = 0xffffffff;
export const VMADDR_CID_HYPERVISOR = 0;
export const VMADDR_CID_LOCAL = 1;
export const VMADDR_CID_HOST = 2;

export const POLLIN = 1 as PollEvents;
export const POLLPRI = 2 as PollEvents;
export const POLLOUT = 4 as PollEvents;
export const POLLERR = 8 as PollEvents;
export const POLLHUP = 16 as PollEvents;
export const POLLNVAL = 32 as PollEvents;
export const POLLRDHUP = 0x2000 as PollEvents;

export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 1 as EpollEvents;
export const EPOLLOUT = 4 as EpollEvents;
export const EPOLLERR = 8 as EpollEvents;
export const EPOLLHUP = 16 as EpollEvents;
export const EPOLLRDHUP = 0x2000 as EpollEvents;
export const EPOLLET = 0x80000000 as EpollEvents;

export const EFD_CLOEXEC = 0o2000000;
export const EFD_NONBLOCK = 0o4000;

/** ioctl(2) of sockets: <asm/sockios.h>, tcp(7). */
export const SIOCATMARK = 0x8905;
export const SIOCOUTQ = 0x5411;

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
export const sockaddr_vm = layout("struct sockaddr_vm", 16, { svm_family: 0, svm_port: 4, svm_cid: 8 });
/** sendmsg(2), recvmsg(2). */
export const msghdr = layout("struct msghdr", 56, {
  msg_name: 0,
  msg_namelen: 8,
  msg_iov: 16,
  msg_iovlen: 24,
  msg_control: 32,
  msg_controllen: 40,
  msg_flags: 48,
});
export const cmsghdr = layout("struct cmsghdr", 16, { cmsg_len: 0, cmsg_level: 8, cmsg_type: 12 });
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
export const tls12_crypto_info_aes_gcm_256 = layout("struct tls12_crypto_info_aes_gcm_256", 56, {
  "info.version": 0,
  "info.cipher_type": 2,
  iv: 4,
  key: 12,
  salt: 44,
  rec_seq: 48,
});
/** Its salt has no bytes: the whole nonce is in `iv`. */
export const tls12_crypto_info_chacha20_poly1305 = layout("struct tls12_crypto_info_chacha20_poly1305", 56, {
  "info.version": 0,
  "info.cipher_type": 2,
  iv: 4,
  key: 16,
  salt: 48,
  rec_seq: 48,
});
