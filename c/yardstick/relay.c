/*
 * The yardstick of the relay benchmark: the loop of report 2, written anew in C.
 *
 * One client, one server, select(2) before every pair of splices, a pipe of the default 64 KiB, asking for 64 KiB. The
 * faults of the report's program are not kept: EAGAIN does not close, the end waits for the pipe to drain.
 * Usage: relay-twin CONNECT_PORT; prints "PORT n" and serves one client on 127.0.0.1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
#define FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK)

static void fail(const char *what) {
  perror(what);
  exit(255);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int accept_one(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), client;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) fail("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &length)) fail("getsockname");
  printf("PORT %d\n", ntohs(address.sin_port));
  fflush(stdout);
  client = accept(listener, NULL, NULL);
  if (client < 0) fail("accept");
  close(listener);
  return client;
}

static int connect_to(int port) {
  struct sockaddr_in address = loopback(port);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address)) fail("connect");
  return server;
}

int main(int argc, char **argv) {
  int client, server, ends[2], ended = 0, full = 0;
  ssize_t held = 0, moved;
  if (argc != 2) return 254;
  signal(SIGPIPE, SIG_IGN);
  client = accept_one();
  server = connect_to(atoi(argv[1]));
  if (fcntl(client, F_SETFL, O_NONBLOCK) || fcntl(server, F_SETFL, O_NONBLOCK) || pipe(ends)) fail("setup");
  while (!ended || held > 0) {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    if (!ended && !full) FD_SET(server, &readable);
    if (held > 0) FD_SET(client, &writable);
    if (select((client > server ? client : server) + 1, &readable, &writable, NULL, NULL) < 0) fail("select");
    if (FD_ISSET(server, &readable)) {
      moved = splice(server, NULL, ends[1], NULL, CHUNK, FLAGS);
      if (moved > 0) held += moved;
      else if (moved == 0) ended = 1;
      else if (errno == EAGAIN) full = held > 0;
      else fail("splice-in");
    }
    if (FD_ISSET(client, &writable)) {
      moved = splice(ends[0], NULL, client, NULL, (size_t)held, FLAGS);
      if (moved > 0) held -= moved, full = 0;
      else if (moved < 0 && errno != EAGAIN) fail("splice-out");
    }
  }
  shutdown(client, SHUT_WR);
  while (recv(client, ends, sizeof ends, 0) < 0 && errno == EAGAIN) usleep(1000);
  return 0;
}
