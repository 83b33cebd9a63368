/* SPDX-License-Identifier: MIT */
/* world.c - see world.h */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static struct stoa_value value_of(unsigned type, unsigned n)
{
	static const char *const words[] = { "tea", "", "coffee", "T\xc3\xa9", "a%b_c", "milk" };
	struct stoa_value v = { 0 };
	const char *word = words[n % 6];

	v.type = (uint8_t)type;
	switch (type) {
	case STOA_F32:
	case STOA_F64:
		v.f = n * 1.25 - 2;
		return v;
	case STOA_DECIMAL:
		return stoa_decimal((int64_t)n * 150 - 100, 2);
	case STOA_UUID:
		memset(v.uuid, (int)n, sizeof v.uuid);
		return v;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		return stoa_bytes_value((enum stoa_type)type, word, (uint32_t)strlen(word));
	case STOA_BOOL:
		v.i = n % 2;
		return v;
	}
	v.u = n * 7 % 100;
	return v;
}

void fuzz_row(unsigned n, struct stoa_value out[FUZZ_SLOTS])
{
	for (unsigned i = 0; i < FUZZ_SLOTS; i++)
		out[i] = (n + i) % 5 ? value_of(STOA_BOOL + i, n) : stoa_null();
}

static void must(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		fuzz_die(err->text);
}

static void make_table(stoa_txn *txn, const char *name)
{
	struct stoa_slot slots[FUZZ_SLOTS] = { 0 };
	char names[FUZZ_SLOTS][8];
	struct stoa_error err;
	stoa_table t;

	for (unsigned i = 0; i < FUZZ_SLOTS; i++) {
		snprintf(names[i], sizeof names[i], "c%u", i);
		slots[i].name = names[i];
		slots[i].type = (uint8_t)(STOA_BOOL + i);
		slots[i].precision = slots[i].type == STOA_DECIMAL ? 12 : 0;
		slots[i].scale = slots[i].type == STOA_DECIMAL ? 2 : 0;
	}
	must(stoa_table_create(txn, name, slots, FUZZ_SLOTS, &t, &err), &err);
	for (unsigned n = 0; n < FUZZ_ROWS; n++) {
		struct stoa_value v[FUZZ_SLOTS];

		fuzz_row(n, v);
		must(stoa_insert(txn, t, v, FUZZ_SLOTS, NULL, &err), &err);
	}
}

static stoa_db *world;

static void end_world(void)
{
	(void)stoa_close(world, NULL);
}

stoa_db *fuzz_world(void)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_txn *txn;

	if (world)
		return world;
	options.memory_limit = 256 << 20;
	must(stoa_open(NULL, &options, &world, &err), &err);
	must(stoa_begin(world, STOA_WRITE, &txn, &err), &err);
	make_table(txn, "t");
	make_table(txn, "u");
	must(stoa_commit(txn, &err), &err);
	atexit(end_world);
	return world;
}
