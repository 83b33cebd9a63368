/* SPDX-License-Identifier: MIT */
/* util.c - what targets share */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_die(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

int fuzz_file(const uint8_t *p, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	while (fd >= 0 && len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			fuzz_die("a file in memory cannot be written");
		p += n;
		len -= (size_t)n;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		fuzz_die("there are no files in memory here");
	return fd;
}

void fuzz_mute(bool muted)
{
	static FILE *nowhere, *out, *err;

	if (!nowhere) {
		nowhere = fopen("/dev/null", "we");
		out = stdout;
		err = stderr;
	}
	if (!nowhere)
		fuzz_die("/dev/null cannot be written");
	stdout = muted ? nowhere : out;
	stderr = muted ? nowhere : err;
}
