/*
 * Source and sink of the relay benchmark, the same for every relay that is measured.
 *
 * They cost as little as they can: the source sends one buffer over and over, the sink counts and throws away.
 * Usage: relay-ends source BYTES            prints "PORT n", serves one client
 *        relay-ends sink PORT BYTES         prints "TOOK seconds"; ends 1 when the count is wrong
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[512 * 1024];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int serve(long long total) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  long long sent = 0;
  int listener = socket(AF_INET, SOCK_STREAM, 0), client;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) return 255;
  if (getsockname(listener, (struct sockaddr *)&address, &length)) return 255;
  printf("PORT %d\n", ntohs(address.sin_port));
  fflush(stdout);
  client = accept(listener, NULL, NULL);
  if (client < 0) return 255;
  while (sent < total) {
    size_t wanted = total - sent < (long long)sizeof buffer ? (size_t)(total - sent) : sizeof buffer;
    ssize_t count = send(client, buffer, wanted, MSG_NOSIGNAL);
    if (count <= 0) return 255;
    sent += count;
  }
  shutdown(client, SHUT_WR);
  while (recv(client, buffer, sizeof buffer, 0) > 0) {
  }
  return 0;
}

static int take(int port, long long total) {
  struct sockaddr_in address = loopback(port);
  long long received = 0;
  double start = now();
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  ssize_t count;
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) return 255;
  while ((count = recv(fd, buffer, sizeof buffer, 0)) > 0) received += count;
  printf("TOOK %.6f\n", now() - start);
  return received == total ? 0 : 1;
}

int main(int argc, char **argv) {
  memset(buffer, 'b', sizeof buffer);
  if (argc == 3 && strcmp(argv[1], "source") == 0) return serve(atoll(argv[2]));
  if (argc == 4 && strcmp(argv[1], "sink") == 0) return take(atoi(argv[2]), atoll(argv[3]));
  return 254;
}
