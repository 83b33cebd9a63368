/* SPDX-License-Identifier: MIT */
/*
 * gen.c - stoa-gen TABLE SF [FILE]: a table of TPC-H as CSV
 *
 * Writes through a buffer of a megabyte; what is in it when the next rows might not fit goes out.
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

static void put(struct out *out, const char *header)
{
	out->len = strlen(header);
	memcpy(out->buffer, header, out->len);
}

static bool write_orders(struct out *out, bool lines, double sf, const struct tpch_text *text)
{
	struct tpch_orders g;
	struct tpch_order order;

	put(out, lines ? tpch_lineitem_header : tpch_orders_header);
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

static bool write_rows(struct out *out, enum tpch_table table, double sf,
		       const struct tpch_text *text)
{
	struct tpch_rows g;
	struct tpch_row row;

	put(out, tpch_headers[table]);
	tpch_rows_init(&g, table, sf, 0, text);
	while (tpch_rows_next(&g, &row)) {
		out->len = (size_t)(tpch_csv_row(out->buffer + out->len, &row) - out->buffer);
		if (out->len >= BUFFER_BYTES && !flush(out))
			return false;
	}
	return flush(out);
}

static bool write_table(struct out *out, const char *name, double sf, const struct tpch_text *text)
{
	for (int i = 0; i < TPCH_N_TABLES; i++)
		if (strcmp(name, tpch_names[i]) == 0)
			return write_rows(out, (enum tpch_table)i, sf, text);
	return write_orders(out, strcmp(name, "lineitem") == 0, sf, text);
}

static bool is_table(const char *name)
{
	for (int i = 0; i < TPCH_N_TABLES; i++)
		if (strcmp(name, tpch_names[i]) == 0)
			return true;
	return strcmp(name, "lineitem") == 0 || strcmp(name, "orders") == 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: stoa-gen TABLE SF [FILE]\n"
		"Writes a table of TPC-H at scale factor SF (0.001 to 1000) as CSV with a header\n"
		"to FILE or standard output. TABLE is lineitem, orders, region, nation, part,\n"
		"supplier, partsupp or customer.\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct out out = { .fd = STDOUT_FILENO, .name = "standard output" };
	struct tpch_text text;
	char *end;

	if (argc < 3 || argc > 4)
		return usage();
	double sf = strtod(argv[2], &end);
	if (!is_table(argv[1]) || *end || !(sf >= 0.001 && sf <= TPCH_SF_MAX))
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
	bool ok = write_table(&out, argv[1], sf, &text);
	tpch_text_release(&text);
	if (close(out.fd) != 0 && ok) {
		fprintf(stderr, "stoa-gen: %s: %s\n", out.name, strerror(errno));
		ok = false;
	}
	return ok ? 0 : 1;
}
