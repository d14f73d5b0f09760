/*
 * ABI facts for the tests: the C compiler's answer to every constant, size and offset in src/sys/uapi and errno.ts.
 *
 * The test appends one CONSTANT, SIZE or OFFSET line for each exported name, so a transcription that is never asked
 * about cannot exist. Built with: gcc -x c - -o abi (needs libc6-dev, linux-libc-dev, liburing-dev).
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <liburing.h>
#include <linux/ethtool.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <linux/sockios.h>
#include <linux/tls.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>

/* Named in a kernel header that clashes with libc's, or in none. Values: include/uapi/linux/magic.h, fs/xfs. */
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* asm-generic/mman-common.h, Linux 6.1 */
#endif
/* Newer than the headers of Linux 6.1; values: include/uapi/linux/io_uring.h of 6.12. */
#ifndef IORING_CQE_F_BUF_MORE
#define IORING_CQE_F_BUF_MORE (1U << 4)
#define IORING_RECVSEND_BUNDLE (1U << 4)
#define IOU_PBUF_RING_MMAP 1
#define IOU_PBUF_RING_INC 2
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define CONSTANT(name) printf("%s %lld\n", #name, (long long)(name));
#define SIZE(type) printf("sizeof(%s) %zu\n", #type, sizeof(type));
#define OFFSET(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field));

int main(void)
{
