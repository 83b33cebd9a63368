/* SPDX-License-Identifier: MIT */
/*
 * data.c - the data that all peers are given: TPC-H as CSV, and a small record
 *
 * The record is the one that the memory figures of other languages were measured with: an integer
 * in sequence, a price, a quantity, one of 500 names, a flag.
 */
#include "bench.h"
#include "tpch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_csv(FILE *f, bool lines, const struct tpch_text *text)
{
	struct tpch_orders g;
	struct tpch_order order;
	char rows[TPCH_ROW_MAX * TPCH_LINES_MAX];

	fputs(lines ? tpch_lineitem_header : tpch_orders_header, f);
	tpch_orders_init(&g, bench_config.sf, 0);
	while (tpch_orders_next(&g, &order)) {
		char *p = rows;

		if (!lines)
			p = tpch_csv_order(p, &order, text);
		for (int i = 0; lines && i < order.n_lines; i++)
			p = tpch_csv_line(p, &order.lines[i], text);
		fwrite(rows, 1, (size_t)(p - rows), f);
	}
}

static const char *csv(bool lines)
{
	const char *path = bench_path_sf(lines ? "lineitem" : "orders", "csv");
	struct tpch_text text;

	if (bench_made(path))
		return path;
	FILE *f = fopen(path, "we");
	if (!f)
		bench_die("%s: %s", path, strerror(errno));
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	if (!tpch_text_init(&text))
		bench_die("no memory for the text of TPC-H");
	write_csv(f, lines, &text);
	tpch_text_release(&text);
	if (fclose(f) != 0)
		bench_die("%s: %s", path, strerror(errno));
	bench_note_made(path, false);
	return path;
}

const char *bench_tpch_csv(int table)
{
	const char *path = bench_path_sf(tpch_names[table], "csv");
	struct tpch_text text;
	struct tpch_rows g;
	struct tpch_row row;
	char line[TPCH_ROW_MAX];

	if (bench_made(path))
		return path;
	FILE *f = fopen(path, "we");
	if (!f)
		bench_die("%s: %s", path, strerror(errno));
	if (!tpch_text_init(&text))
		bench_die("no memory for the text of TPC-H");
	fputs(tpch_headers[table], f);
	tpch_rows_init(&g, (enum tpch_table)table, bench_config.sf, 0, &text);
	while (tpch_rows_next(&g, &row))
		fwrite(line, 1, (size_t)(tpch_csv_row(line, &row) - line), f);
	tpch_text_release(&text);
	if (fclose(f) != 0)
		bench_die("%s: %s", path, strerror(errno));
	bench_note_made(path, false);
	return path;
}

const char *bench_lineitem_csv(void)
{
	return csv(true);
}

const char *bench_orders_csv(void)
{
	return csv(false);
}

uint64_t bench_orders_count(void)
{
	return tpch_orders_count(bench_config.sf);
}

uint64_t bench_lineitem_count(void)
{
	struct tpch_orders g;
	struct tpch_order order;
	uint64_t n = 0;

	tpch_orders_init(&g, bench_config.sf, 0);
	while (tpch_orders_next(&g, &order))
		n += (uint64_t)order.n_lines;
	return n;
}
