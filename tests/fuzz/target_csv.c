/* SPDX-License-Identifier: MIT */
/*
 * target_csv.c - any bytes as a CSV file, imported in a transaction that is undone: all of it or
 * nothing
 */
#include "fuzz.h"

#include <stdio.h>
#include <unistd.h>

#include "world.h"

static void run(const uint8_t *p, size_t len)
{
	struct stoa_csv_options options = STOA_CSV_OPTIONS_INIT;
	struct stoa_table_info info;
	struct stoa_error err;
	uint64_t rows = 0;
	int fd = fuzz_file(p, len);
	stoa_table t;
	char path[40];
	stoa_txn *txn;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	options.n_threads = 1;
	if (stoa_begin(fuzz_world(), STOA_WRITE, &txn, &err) < 0)
		fuzz_die(err.text);
	if (stoa_import_csv(txn, "csv", path, &options, &rows, &err) == STOA_OK) {
		if (stoa_table_find(txn, "csv", &t, &err) < 0 ||
		    stoa_table_info(txn, t, &info, &err) < 0 || info.n_rows != rows)
			fuzz_die("an import does not have the rows that it counted");
	} else if (stoa_table_find(txn, "csv", &t, NULL) != STOA_ENOTFOUND) {
		fuzz_die("an import that failed has left a table");
	}
	stoa_abort(txn);
	close(fd);
}

const struct fuzz_target fuzz_csv = { "csv", run, NULL, 4096 };
