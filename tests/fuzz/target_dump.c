/* SPDX-License-Identifier: MIT */
/*
 * target_dump.c - any bytes as a dump, restored into a database in memory; and any bytes as a
 * packed file
 *
 * A dump is SQL, and SQL may ask for work without end: a timer ends it as Ctrl-C would. A target
 * that comes back late all the same has found something.
 */
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../cli/cli.h"

#define PATIENCE_MS 200

static void on_timer(int signal_number)
{
	(void)signal_number;
	interrupt_note();
}

static timer_t new_timer(void)
{
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	timer_t timer;

	if (sigaction(SIGRTMIN, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		fuzz_die("there are no timers here");
	return timer;
}

static void set_timer(long ms)
{
	struct itimerspec t = { .it_value.tv_nsec = ms * 1000000, .it_interval.tv_nsec = ms * 1000000 };
	static timer_t timer;
	static bool made;

	if (!made)
		timer = new_timer();
	made = true;
	(void)timer_settime(timer, 0, &t, NULL);
}

static void run_dump(const uint8_t *p, size_t len)
{
	int fd = fuzz_file(p, len);
	FILE *sql = fdopen(fd, "r");

	if (!sql)
		fuzz_die("a file in memory cannot be read");
	set_timer(PATIENCE_MS);
	fuzz_mute(true);
	(void)shell_restore(NULL, sql);
	fuzz_mute(false);
	set_timer(0);
	interrupt_reset();
	fclose(sql);
}

const struct fuzz_target fuzz_dump = { "dump", run_dump, NULL, 4096 };

/* The first byte chooses the encoding. */
static void run_packed(const uint8_t *p, size_t len)
{
	static const char *const encodings[] = {
		NULL, "UTF-16LE", "ISO-8859-1", "SHIFT_JIS", "UTF-7", "UTF-32", "ISO-2022-JP", "UTF-8",
	};
	const char *encoding = len ? encodings[p[0] % 8] : NULL;
	int fd = fuzz_file(p + (len > 0), len - (len > 0));
	struct input in;
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	fuzz_mute(true);
	int code = input_open(&in, path, encoding);
	fuzz_mute(false);
	if (code == CLI_OK) {
		if (in.fd < 0 || lseek(in.fd, 0, SEEK_END) < 0)
			fuzz_die("an input cannot be read twice");
		input_close(&in);
	}
	close(fd);
}

/* A few hundred bytes unpack to megabytes. */
const struct fuzz_target fuzz_packed = { "packed", run_packed, NULL, 600 };
