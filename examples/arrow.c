/* SPDX-License-Identifier: MIT */
/*
 * arrow.c - rows for another library, and rows from it, without a copy or a text in between
 *
 *     arrow [FILE]      FILE, if given, receives the same rows as an Arrow file
 *
 * A query becomes an Arrow stream: plain C structs that DuckDB, polars, pandas and others take as
 * they are. Here this program is the other library: it adds a column up in place. Then the stream
 * goes the other way, into a table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../lib/stoa.h"

static struct stoa_error err;

static void must(int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "arrow: %s: %s\n", stoa_result_name(rc), err.text);
	exit(1);
}

static struct ArrowArrayStream query(stoa_txn *txn, const char *sql)
{
	struct ArrowArrayStream stream;
	stoa_cursor *cur;

	must(stoa_query(txn, sql, &cur, &err));
	must(stoa_arrow_export(cur, NULL, &stream, &err));	/* which owns the cursor now */
	return stream;
}

/* Adds up the second column, a double without NULLs. */
static void add_up(struct ArrowArrayStream *stream)
{
	struct ArrowArray a;
	long long rows = 0, arrays = 0;
	double sum = 0;

	while (stream->get_next(stream, &a) == 0 && a.release) {
		const double *x = a.children[1]->buffers[1];

		for (int64_t i = 0; i < a.length; i++)
			sum += x[i];
		rows += a.length;
		arrays++;
		a.release(&a);		/* it was ours, and nobody else's */
	}
	printf("%lld rows in %lld arrays, %.1f in all\n", rows, arrays, sum);
}

static int to_file(void *ctx, const void *p, size_t len, struct stoa_error *e)
{
	(void)e;
	return fwrite(p, 1, len, ctx) == len ? STOA_OK : STOA_EIO;
}

static void write_file(stoa_txn *txn, const char *sql, const char *path)
{
	struct stoa_arrow_options options = STOA_ARROW_OPTIONS_INIT;
	FILE *f = fopen(path, "wb");
	stoa_cursor *cur;

	if (!f) {
		perror(path);
		exit(1);
	}
	options.codec = STOA_ARROW_ZSTD;
	must(stoa_query(txn, sql, &cur, &err));
	must(stoa_arrow_write(cur, &options, to_file, f, NULL, &err));
	fclose(f);
}

int main(int argc, char **argv)
{
	static const char sql[] =
		"SELECT i AS n, CAST(i AS double precision) / 2 AS half, "
		"concat('word ', i % 10) AS word FROM generate_series(1, 100000) AS s(i)";
	struct ArrowArrayStream stream;
	stoa_cursor *cur;
	stoa_txn *txn;
	stoa_db *db;
	uint64_t rows;

	must(stoa_open(NULL, NULL, &db, &err));
	must(stoa_begin(db, STOA_WRITE, &txn, &err));

	stream = query(txn, sql);
	add_up(&stream);
	stream.release(&stream);

	stream = query(txn, sql);	/* it might as well be another library's */
	must(stoa_arrow_import(&stream, &cur, &err));
	must(stoa_import_cursor(txn, "numbers", cur, NULL, &rows, &err));
	printf("%llu rows in a table of their own\n", (unsigned long long)rows);

	if (argc > 1)
		write_file(txn, "SELECT * FROM numbers", argv[1]);
	must(stoa_commit(txn, &err));
	must(stoa_close(db, &err));
	return 0;
}
