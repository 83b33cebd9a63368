/* SPDX-License-Identifier: MIT */
/*
 * gen.c - stoa-gen TABLE SF [FILE]: a table of TPC-H as CSV
 *
 * Writes through a buffer of a megabyte; what is in it when the next order might not fit goes out.
 * Exit codes: 0 written; 1 it could not be written; 2 the command line is wrong.
 */
#include "tpch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)

struct out {
	int fd;
	const char *name;
	size_t len;
	char buffer[BUFFER_BYTES + TPCH_ROW_MAX * TPCH_LINES_MAX];
};

static bool flush(struct out *out)
{
	size_t done = 0;

	while (done < out->len) {
		ssize_t n = write(out->fd, out->buffer + done, out->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fprintf(stderr, "stoa-gen: %s: %s\n", out->name, strerror(errno));
			return false;
		}
		done += (size_t)n;
	}
	out->len = 0;
	return true;
}

static bool write_table(struct out *out, bool lines, double sf, const struct tpch_text *text)
{
	const char *header = lines ? tpch_lineitem_header : tpch_orders_header;
	struct tpch_orders g;
	struct tpch_order order;

	out->len = strlen(header);
	memcpy(out->buffer, header, out->len);
	tpch_orders_init(&g, sf, 0);
	while (tpch_orders_next(&g, &order)) {
		char *p = out->buffer + out->len;

		if (!lines)
			p = tpch_csv_order(p, &order, text);
		for (int i = 0; lines && i < order.n_lines; i++)
			p = tpch_csv_line(p, &order.lines[i], text);
		out->len = (size_t)(p - out->buffer);
		if (out->len >= BUFFER_BYTES && !flush(out))
			return false;
	}
	return flush(out);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: stoa-gen lineitem|orders SF [FILE]\n"
		"Writes the table of TPC-H at scale factor SF (0.001 to 1000) as CSV with a\n"
		"header to FILE or standard output.\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct out out = { .fd = STDOUT_FILENO, .name = "standard output" };
	struct tpch_text text;
	char *end;

	if (argc < 3 || argc > 4)
		return usage();
	bool lines = strcmp(argv[1], "lineitem") == 0;
	double sf = strtod(argv[2], &end);
	if ((!lines && strcmp(argv[1], "orders") != 0) || *end ||
	    !(sf >= 0.001 && sf <= TPCH_SF_MAX))
		return usage();
	if (argc == 4) {
		out.name = argv[3];
		out.fd = open(out.name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (out.fd < 0) {
			fprintf(stderr, "stoa-gen: %s: %s\n", out.name, strerror(errno));
			return 1;
		}
	}
	if (!tpch_text_init(&text)) {
		fprintf(stderr, "stoa-gen: out of memory\n");
		return 1;
	}
	bool ok = write_table(&out, lines, sf, &text);
	tpch_text_release(&text);
	if (close(out.fd) != 0 && ok) {
		fprintf(stderr, "stoa-gen: %s: %s\n", out.name, strerror(errno));
		ok = false;
	}
	return ok ? 0 : 1;
}
