/* SPDX-License-Identifier: MIT */
/*
 * fuzz_test.c - the targets of tests/fuzz, over their corpora and mutations of these
 *
 * Not a fuzzer's search, which needs clang and time (make fuzz), but what any build can repeat:
 * each stored input once, then mutations from a printed seed: bits turned, runs cut, copied and
 * doubled, pieces of two inputs joined.
 */
#include "testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

struct corpus {
	struct input {
		uint8_t *p;
		size_t len;
	} *inputs;
	size_t n;
};

static void add(void *ctx, const uint8_t *p, size_t len)
{
	struct corpus *c = ctx;

	c->inputs = realloc(c->inputs, (c->n + 1) * sizeof *c->inputs);
	c->inputs[c->n].p = malloc(len + 1);
	memcpy(c->inputs[c->n].p, p, len);
	c->inputs[c->n++].len = len;
}

static void add_file(struct corpus *c, const char *path)
{
	static uint8_t bytes[1 << 16];
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	add(c, bytes, fread(bytes, 1, sizeof bytes, f));
	fclose(f);
}

static void add_folder(struct corpus *c, const char *name)
{
	const char *top = getenv("top_srcdir");
	struct dirent **entries;
	char path[4096];
	int n;

	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", top ? top : ".", name);
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char file[8192];

		snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			add_file(c, file);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void corpus_release(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->inputs[i].p);
	free(c->inputs);
}

/* ---- mutations ---------------------------------------------------------------------------- */

static size_t cut(uint8_t *p, size_t len, uint64_t *rng)
{
	size_t at = testing_below(rng, len), n = 1 + testing_below(rng, 8);

	if (n > len - at)
		n = len - at;
	memmove(p + at, p + at + n, len - at - n);
	return len - n;
}

/* Copies a run to another place of the same input, in place of what is there or before it. */
static size_t copy(uint8_t *p, size_t len, size_t max, uint64_t *rng)
{
	size_t from = testing_below(rng, len), to = testing_below(rng, len);
	size_t n = 1 + testing_below(rng, 16);
	uint8_t run[16];

	if (n > len - from)
		n = len - from;
	memcpy(run, p + from, n);
	if (testing_below(rng, 2) && len + n <= max) {
		memmove(p + to + n, p + to, len - to);
		len += n;
	} else if (n > len - to) {
		n = len - to;
	}
	memcpy(p + to, run, n);
	return len;
}

/* The head of this input and the tail of another. */
static size_t join(uint8_t *p, size_t len, size_t max, const struct input *other, uint64_t *rng)
{
	size_t keep = testing_below(rng, len + 1), from = testing_below(rng, other->len + 1);
	size_t n = other->len - from;

	if (n > max - keep)
		n = max - keep;
	memcpy(p + keep, other->p + from, n);
	return keep + n;
}

static size_t mutate(const struct corpus *c, uint8_t *p, size_t max, uint64_t *rng)
{
	const struct input *in = &c->inputs[testing_below(rng, c->n)];
	size_t len = in->len < max ? in->len : max;

	memcpy(p, in->p, len);
	for (uint64_t n = 1 + testing_below(rng, 4); n-- && len;) {
		switch (testing_below(rng, 6)) {
		case 0:
			p[testing_below(rng, len)] ^= (uint8_t)(1u << testing_below(rng, 8));
			break;
		case 1:
			p[testing_below(rng, len)] = (uint8_t)testing_random(rng);
			break;
		case 2:
			len = cut(p, len, rng);
			break;
		case 3:
		case 4:
			len = copy(p, len, max, rng);
			break;
		default:
			len = join(p, len, max, &c->inputs[testing_below(rng, c->n)], rng);
		}
	}
	return len;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void run_target(const struct fuzz_target *t, unsigned n_mutations)
{
	uint8_t *room = malloc(t->len_max + 32);
	struct corpus c = { 0 };
	uint64_t rng = testing_seed();

	add_folder(&c, t->name);
	if (t->seeds)
		t->seeds(add, &c);
	assert_true(c.n > 0);
	for (size_t i = 0; i < c.n; i++)
		if (c.inputs[i].len <= t->len_max)
			t->run(c.inputs[i].p, c.inputs[i].len);
	if (testing_long())
		n_mutations *= 100;
	for (unsigned i = 0; i < n_mutations; i++) {
		size_t len = mutate(&c, room, t->len_max, &rng);
		/* Of its exact size, so that a sanitizer sees a read past its end. */
		uint8_t *exact = malloc(len + !len);

		memcpy(exact, room, len);
		t->run(exact, len);
		free(exact);
	}
	corpus_release(&c);
	free(room);
}

static void any_text_as_sql(void **state)
{
	(void)state;
	run_target(&fuzz_sql, 3000);
}

static void any_bytes_as_csv(void **state)
{
	(void)state;
	run_target(&fuzz_csv, 1000);
}

static void any_bytes_as_a_chunk(void **state)
{
	(void)state;
	run_target(&fuzz_chunk, 10000);
}

static void any_bytes_as_operations_of_the_log(void **state)
{
	(void)state;
	run_target(&fuzz_redo, 5000);
}

static void any_bytes_as_a_catalog(void **state)
{
	(void)state;
	run_target(&fuzz_catalog, 2000);
}

static void any_text_as_a_value(void **state)
{
	(void)state;
	run_target(&fuzz_value, 20000);
}

static void any_bytes_as_an_arrow_file(void **state)
{
	(void)state;
	run_target(&fuzz_arrow, 3000);
}

static void any_bytes_as_json(void **state)
{
	(void)state;
	run_target(&fuzz_json, 3000);
}

static void any_bytes_as_a_dump(void **state)
{
	(void)state;
	run_target(&fuzz_dump, 300);
}

static void any_bytes_as_a_packed_file(void **state)
{
	(void)state;
	run_target(&fuzz_packed, 1000);
}

static void a_database_of_parts_that_lie(void **state)
{
	(void)state;
	run_target(&fuzz_parts, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_text_as_sql),
		cmocka_unit_test(any_bytes_as_csv),
		cmocka_unit_test(any_bytes_as_a_chunk),
		cmocka_unit_test(any_bytes_as_operations_of_the_log),
		cmocka_unit_test(any_bytes_as_a_catalog),
		cmocka_unit_test(any_text_as_a_value),
		cmocka_unit_test(any_bytes_as_an_arrow_file),
		cmocka_unit_test(any_bytes_as_json),
		cmocka_unit_test(any_bytes_as_a_dump),
		cmocka_unit_test(any_bytes_as_a_packed_file),
		cmocka_unit_test(a_database_of_parts_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
