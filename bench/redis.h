/* SPDX-License-Identifier: MIT */
/* redis.h - a Redis server of our own, and connections to it, with errors that end the run */
#ifndef BENCH_REDIS_H
#define BENCH_REDIS_H

#include "bench.h"

/* As "7.0.15". */
const char *bench_redis_version(void);
/* Starts a server on a socket in the bench's directory that flushes each write; one at a time. */
void bench_redis_start(void);
/* The same without a disk. */
void bench_redis_start_in_memory(void);
/* A new connection. */
int bench_redis_connect(void);
/* Sets a key and waits for the answer. */
void bench_redis_set(int fd, uint64_t key, const void *value, size_t len);
/* Sends commands, then reads @lines lines of answers into @reply. Returns their bytes. */
size_t bench_redis_converse(int fd, const char *commands, size_t len, uint64_t lines, char *reply,
			    size_t size);
/* How many keys there are. */
uint64_t bench_redis_count(int fd);
/* Ends the server and removes what it wrote. */
void bench_redis_stop(void);

#endif
