/* SPDX-License-Identifier: MIT */
/*
 * target_json.c - any bytes as JSON, read as `stoa import` reads it, in a transaction that is undone
 *
 * The first byte says how: into a new table or into t, whose slots have all types; blobs as digits
 * or as base64; a slot of t that is unique, or none.
 */
#include "fuzz.h"

#include <unistd.h>

#include "../../cli/cli.h"
#include "world.h"

enum { INTO_T = 1, BASE64 = 2, UNIQUE = 4 };

static void run(const uint8_t *p, size_t len)
{
	struct stoa_csv_options options = STOA_CSV_OPTIONS_INIT;
	struct session s = { .path = "fuzz", .db = fuzz_world() };
	struct input in = { .name = "fuzz" };
	struct progress progress = { 0 };
	struct stoa_table_info info;
	unsigned how = len ? p[0] : 0;
	const char *table = how & INTO_T ? "t" : "json";
	uint64_t rows = 0, before = how & INTO_T ? FUZZ_ROWS : 0;
	stoa_table t;

	if (stoa_begin(s.db, STOA_WRITE, &s.txn, NULL) < 0)
		fuzz_die("no transaction");
	in.fd = fuzz_file(p + (len > 0), len - (len > 0));
	options.blobs = how & BASE64 ? STOA_BLOBS_BASE64 : STOA_BLOBS_HEX;
	options.unique = how & INTO_T && how & UNIQUE ? "c3" : NULL;
	fuzz_mute(true);
	int code = import_json(&s, table, &in, &options, &progress, &rows);
	fuzz_mute(false);
	if (code == CLI_OK && !options.unique &&
	    (stoa_table_find(s.txn, table, &t, NULL) < 0 ||
	     stoa_table_info(s.txn, t, &info, NULL) < 0 || info.n_rows != before + rows))
		fuzz_die("an import does not have the rows that it counted");
	stoa_abort(s.txn);
	close(in.fd);
}

const struct fuzz_target fuzz_json = { "json", run, NULL, 4096 };
