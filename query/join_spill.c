/* SPDX-License-Identifier: MIT */
/* join_spill.c - see join_spill.h */
#include "join_spill.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "keys.h"

#define BITS 4
_Static_assert(STOA__JOIN_PARTS == 1 << BITS, "a number of partition is so many bits of a hash");
#define DEPTH_MAX (64 / BITS)

void stoa__join_spill_init(struct stoa__join_spill *s, const struct stoa__dir *dir, size_t n_keys,
			   const struct stoa__type *build_types, size_t n_build,
			   const struct stoa__type *probe_types, size_t n_probe)
{
	memset(s, 0, sizeof *s);
	stoa__temp_init(&s->file, dir);
	s->n_keys = n_keys;
	s->build_types = build_types;
	s->n_build = n_build;
	s->probe_types = probe_types;
	s->n_probe = n_probe;
}

static void part_release(struct stoa__join_part *p)
{
	stoa__stream_release(&p->build);
	stoa__stream_release(&p->probe);
}

static void release_dealt(struct stoa__join_spill *s)
{
	for (unsigned i = 0; s->dealt && i < STOA__JOIN_PARTS; i++)
		part_release(&s->dealt[i]);
	stoa__free(s->dealt);
	s->dealt = NULL;
}

void stoa__join_spill_release(struct stoa__join_spill *s)
{
	release_dealt(s);
	part_release(&s->current);
	for (uint32_t i = 0; i < s->n_parts; i++)
		part_release(&s->parts[i]);
	stoa__free(s->parts);
	stoa__temp_release(&s->file);
}

bool stoa__join_spill_can(const struct stoa__join_spill *s)
{
	return s->current.depth < DEPTH_MAX;
}

int stoa__join_spill_begin(struct stoa__join_spill *s, struct stoa_error *err)
{
	s->dealt = stoa__calloc(STOA__JOIN_PARTS, sizeof *s->dealt);
	if (!s->dealt)
		return stoa__fail_memory(err);
	for (unsigned i = 0; i < STOA__JOIN_PARTS; i++) {
		struct stoa__join_part *p = &s->dealt[i];
		stoa__stream_init(&p->build, &s->file, s->build_types, s->n_build);
		stoa__stream_init(&p->probe, &s->file, s->probe_types, s->n_probe);
		p->depth = s->current.depth + 1;
	}
	return STOA_OK;
}

static struct stoa__join_part *part_of(const struct stoa__join_spill *s,
				       const struct stoa__vec *keys, size_t row)
{
	uint64_t hash = stoa__hash_row(keys, s->n_keys, row);

	return &s->dealt[hash >> (s->current.depth * BITS) & (STOA__JOIN_PARTS - 1)];
}

int stoa__join_spill_build(struct stoa__join_spill *s, const struct stoa__vec *rows, size_t n,
			   struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++)
		STOA_TRY(stoa__stream_put(&part_of(s, rows, i)->build, rows, i, err));
	return STOA_OK;
}

int stoa__join_spill_probe(struct stoa__join_spill *s, const struct stoa__vec *keys,
			   const struct stoa__vec *rows, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++)
		STOA_TRY(stoa__stream_put(&part_of(s, keys, i)->probe, rows, i, err));
	return STOA_OK;
}

int stoa__join_spill_end(struct stoa__join_spill *s, struct stoa_error *err)
{
	void *parts = s->parts;

	if (!stoa__grow(&parts, &s->cap_parts, s->n_parts + STOA__JOIN_PARTS, sizeof *s->parts))
		return stoa__fail_memory(err);
	s->parts = parts;
	for (unsigned i = 0; i < STOA__JOIN_PARTS; i++) {
		STOA_TRY(stoa__stream_end(&s->dealt[i].build, err));
		STOA_TRY(stoa__stream_end(&s->dealt[i].probe, err));
	}
	for (unsigned i = STOA__JOIN_PARTS; i-- > 0;)
		s->parts[s->n_parts++] = s->dealt[i];
	stoa__free(s->dealt);
	s->dealt = NULL;
	return STOA_OK;
}

bool stoa__join_spill_next(struct stoa__join_spill *s)
{
	if (!s->n_parts)
		return false;
	part_release(&s->current);
	s->current = s->parts[--s->n_parts];
	return true;
}
