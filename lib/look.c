/* SPDX-License-Identifier: MIT */
/*
 * look.c - see look.h
 *
 * Neighbours in a batch often refer to neighbours, and a group's rows lie as they were inserted, so
 * what is read one value at a time is mostly read from a line that is in the cache. Sorting the
 * rows first was no gain: it costs what it saves.
 */
#include "look.h"

#include <string.h>

#include "core/bitmap.h"
#include "core/error.h"
#include "core/type.h"

int stoa__look_rows(struct stoa__look *l, const struct stoa__table *t, const int64_t *rowids,
		    const uint64_t *valid, size_t n, bool members, uint64_t *found,
		    struct stoa_error *err)
{
	l->table = t;
	l->n = n;
	memset(found, 0, STOA__WORDS(n) * sizeof *found);
	for (size_t i = 0; i < n; i++) {
		struct stoa__place *at = &l->at[i];
		uint64_t rowid = (uint64_t)rowids[i];
		int rc = STOA_ENOTFOUND;

		if (stoa__bit_get(valid, i) && rowids[i] > 0)
			rc = members ? stoa__table_locate(t, rowid, at, err) :
				       stoa__table_locate_existing(t, rowid, at, err);
		if (rc == STOA_ENOTFOUND)
			at->group = NULL;
		else if (rc < 0)
			return rc;
		else
			stoa__bit_set(found, i);
	}
	return STOA_OK;
}

/* Do the bytes of a value lie in @bytes, which may move? Then v->p becomes where in it. */
static int find_own(struct stoa__buf *bytes, unsigned type, struct stoa_value *v, bool *own)
{
	uintptr_t p = (uintptr_t)v->p, from = (uintptr_t)bytes->p;
	size_t at = bytes->len;

	if (type == STOA_UUID) {	/* has its bytes in itself */
		STOA_TRY(stoa__buf_put(bytes, v->uuid, sizeof v->uuid));
		v->len = sizeof v->uuid;
		v->p = (const char *)at;
		*own = true;
		return STOA_OK;
	}
	*own = v->len && from && p >= from && p < from + bytes->len;
	if (*own)
		v->p = (const char *)(p - from);
	return STOA_OK;
}

static void put_value(unsigned type, enum stoa__phys phys, const struct stoa_value *v, size_t i,
		      void *room)
{
	if (phys == STOA__PHYS_BYTES)
		((struct stoa_bytes *)room)[i] = (struct stoa_bytes){ v->p, v->len };
	else if (type == STOA_BOOL)
		((int64_t *)room)[i] = v->i != 0;
	else
		memcpy((uint64_t *)room + i, &v->u, sizeof v->u);
}

int stoa__look_column(const struct stoa__look *l, uint32_t slot, void *room, uint64_t *valid,
		      struct stoa__thawed *thawed, struct stoa__buf *bytes, struct stoa__vec *out,
		      struct stoa_error *err)
{
	const struct stoa__slot *s = &l->table->schema->slots[slot];
	unsigned type = stoa__type_is_ref(s->def.type) ? STOA_I64 : s->def.type;
	enum stoa__phys phys = stoa__phys_of(type);
	size_t width = phys == STOA__PHYS_BYTES ? sizeof(struct stoa_bytes) : sizeof(uint64_t);
	uint64_t moving[STOA__WORDS(STOA__BATCH_ROWS)] = { 0 };

	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = (uint8_t)phys,
				   .type = (uint8_t)type, .scale = s->def.scale, .n = l->n };
	out->values = room;
	out->validity = valid;
	memset(room, 0, l->n * width);
	memset(valid, 0, STOA__WORDS(l->n) * sizeof *valid);
	stoa__buf_reset(bytes);
	for (size_t i = 0; i < l->n; i++) {
		struct stoa_value v;
		bool own = false;

		if (!l->at[i].group)
			continue;
		STOA_TRY(stoa__group_value_kept(l->at[i].group, s, slot, l->at[i].row, thawed,
						bytes, &v, err));
		if (v.type == STOA_NULL)
			continue;
		if (phys == STOA__PHYS_BYTES && find_own(bytes, type, &v, &own) < 0)
			return stoa__fail_memory(err);
		if (own)
			stoa__bit_set(moving, i);
		put_value(type, phys, &v, i, room);
		stoa__bit_set(valid, i);
	}
	for (size_t i = 0; i < l->n && phys == STOA__PHYS_BYTES; i++) {
		struct stoa_bytes *b = &((struct stoa_bytes *)room)[i];

		if (stoa__bit_get(moving, i))
			b->p = (const char *)bytes->p + (uintptr_t)b->p;
	}
	return STOA_OK;
}
