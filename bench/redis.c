/* SPDX-License-Identifier: MIT */
/*
 * redis.c - a Redis server of our own, and connections to it
 *
 * Redis is another process, so that each command costs a round trip over a socket of the file
 * system; that is how it is used. A command is an array of strings, and the answers we get fit a
 * line:
 *
 *     *3\r\n $3\r\n SET\r\n $8\r\n ........\r\n $48\r\n ...\r\n    ->    +OK\r\n
 *     *1\r\n $6\r\n DBSIZE\r\n                                     ->    :3000\r\n
 */
#include "redis.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "redis"
#define START_TRIES 500 /* of 20 ms */
#define VALUE_MAX 4096

static pid_t server;

const char *bench_redis_version(void)
{
	static char version[32];
	FILE *f = popen("redis-server --version 2>/dev/null", "re");

	if (!f || fscanf(f, "%*[^=]=%31s", version) != 1)
		bench_skip("no redis-server: run bench/peers.sh");
	pclose(f);
	return version;
}

static bool try_connect(int *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *path = bench_path(NAME ".sock");

	if (strlen(path) >= sizeof(address.sun_path))
		bench_die("%s is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0)
		bench_die("no socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return false;
	}
	*out = fd;
	return true;
}

int bench_redis_connect(void)
{
	int fd;

	if (!try_connect(&fd))
		bench_die("cannot connect to Redis: %s", strerror(errno));
	return fd;
}

/* The server changes into --dir before it makes the socket. */
static void exec_server(const char *dir, bool durable)
{
	if (!freopen("/dev/null", "w", stdout))
		_exit(127);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", "../" NAME ".sock",
	       "--dir", dir, "--save", "", "--appendonly", durable ? "yes" : "no", "--appendfsync",
	       "always", (char *)NULL);
	_exit(127);
}

static void start(bool durable)
{
	const char *dir = bench_path(NAME);
	int status, fd;

	bench_remove(dir);
	bench_remove(bench_path(NAME ".sock"));
	if (mkdir(dir, 0777) != 0)
		bench_die("%s: %s", dir, strerror(errno));
	server = bench_fork();
	if (server < 0)
		bench_die("cannot fork: %s", strerror(errno));
	if (server == 0)
		exec_server(dir, durable);
	for (int i = 0; i < START_TRIES; i++) {
		if (try_connect(&fd)) {
			close(fd);
			return;
		}
		if (waitpid(server, &status, WNOHANG) == server) {
			if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
				bench_skip("no redis-server: run bench/peers.sh");
			bench_die("redis-server ended at once");
		}
		usleep(20000);
	}
	bench_die("redis-server does not answer");
}

void bench_redis_start(void)
{
	start(true);
}

void bench_redis_start_in_memory(void)
{
	start(false);
}

void bench_redis_stop(void)
{
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	bench_remove(bench_path(NAME));
	bench_remove(bench_path(NAME ".sock"));
}

static void send_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			bench_die("Redis takes no more: %s", strerror(errno));
		p += n;
		len -= (size_t)n;
	}
}

size_t bench_redis_converse(int fd, const char *commands, size_t len, uint64_t lines, char *reply,
			    size_t size)
{
	size_t got = 0;

	send_all(fd, commands, len);
	while (lines) {
		ssize_t n = read(fd, reply + got, size - got);

		if (n <= 0)
			bench_die("Redis does not answer");
		for (ssize_t i = 0; i < n; i++)
			lines -= reply[got + (size_t)i] == '\n';
		got += (size_t)n;
	}
	return got;
}

/* Sends a command and reads the line that answers it. */
static void ask(int fd, const char *command, size_t len, char *line, size_t size)
{
	size_t got = 0;

	send_all(fd, command, len);
	do {
		ssize_t n = read(fd, line + got, size - 1 - got);

		if (n <= 0)
			bench_die("Redis does not answer: %s", strerror(errno));
		got += (size_t)n;
	} while (line[got - 1] != '\n' && got < size - 1);
	line[got] = 0;
	if (line[0] == '-')
		bench_die("Redis: %s", line + 1);
}

void bench_redis_set(int fd, uint64_t key, const void *value, size_t len)
{
	char command[VALUE_MAX + 64], line[128];
	int n = snprintf(command, sizeof(command), "*3\r\n$3\r\nSET\r\n$8\r\n........\r\n$%zu\r\n",
			 len);

	if (len > VALUE_MAX)
		bench_die("a value of %zu bytes", len);
	memcpy(strchr(command, '.'), &key, sizeof(key));
	memcpy(command + n, value, len);
	memcpy(command + n + len, "\r\n", 2);
	ask(fd, command, (size_t)n + len + 2, line, sizeof(line));
}

uint64_t bench_redis_count(int fd)
{
	static const char command[] = "*1\r\n$6\r\nDBSIZE\r\n";
	char line[128];

	ask(fd, command, sizeof(command) - 1, line, sizeof(line));
	return strtoull(line + 1, NULL, 10);
}
