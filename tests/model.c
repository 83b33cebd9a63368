/* SPDX-License-Identifier: MIT */
/* model.c - see model.h */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/core/type.h"

#define BLOCK_BYTES ((size_t)1 << 20)

struct model_block {
	struct model_block *next;
	_Alignas(16) char bytes[];
};

static void *allocate(size_t size)
{
	void *p = malloc(size);

	if (!p)
		fail_msg("out of memory");
	return p;
}

void model_init(struct model *m, uint64_t seed)
{
	memset(m, 0, sizeof *m);
	m->rng = seed;
}

void model_release(struct model *m)
{
	while (m->blocks) {
		struct model_block *next = m->blocks->next;

		free(m->blocks);
		m->blocks = next;
	}
}

/* Zeroed memory that lives as long as the model. */
static void *keep(struct model *m, size_t size)
{
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!m->blocks || m->used + size > BLOCK_BYTES) {
		size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		struct model_block *b = allocate(sizeof *b + room);

		b->next = m->blocks;
		m->blocks = b;
		m->used = 0;
	}
	p = m->blocks->bytes + m->used;
	m->used += size;
	memset(p, 0, size);
	return p;
}

/* ---- states ---- */

void model_copy(struct model_state *to, const struct model_state *from)
{
	*to = *from;
	for (size_t i = 0; i < to->n; i++)
		to->tables[i]->n_refs++;
}

void model_table_release(struct model_table *t)
{
	if (--t->n_refs)
		return;
	free(t->rows);
	free(t);
}

void model_clear(struct model_state *s)
{
	for (size_t i = 0; i < s->n; i++)
		model_table_release(s->tables[i]);
	s->n = 0;
}

struct model_table *model_create(struct model_state *s, stoa_table id, const char *name)
{
	struct model_table *t = allocate(sizeof *t);

	memset(t, 0, sizeof *t);
	t->n_refs = 1;
	t->id = id;
	t->next_rowid = 1;
	snprintf(t->name, sizeof t->name, "%s", name);
	s->tables[s->n++] = t;
	return t;
}

void model_drop(struct model_state *s, size_t at)
{
	model_table_release(s->tables[at]);
	s->n--;
	memmove(&s->tables[at], &s->tables[at + 1], (s->n - at) * sizeof s->tables[0]);
}

struct model_table *model_own(struct model_state *s, size_t at)
{
	struct model_table *old = s->tables[at], *t;

	if (old->n_refs == 1)
		return old;
	t = allocate(sizeof *t);
	*t = *old;
	t->n_refs = 1;
	t->cap = t->n_rows + 64;
	t->rows = allocate(t->cap * sizeof *t->rows);
	if (t->n_rows)
		memcpy(t->rows, old->rows, t->n_rows * sizeof *t->rows);
	old->n_refs--;
	s->tables[at] = t;
	return t;
}

struct model_table *model_find(const struct model_state *s, const char *name, size_t *at)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcasecmp(s->tables[i]->name, name) == 0) {
			if (at)
				*at = i;
			return s->tables[i];
		}
	}
	return NULL;
}

int model_find_slot(const struct model_table *t, const char *name)
{
	for (size_t i = 0; i < t->n_slots; i++)
		if (strcasecmp(t->slots[i]->name, name) == 0)
			return (int)i;
	return -1;
}

/* ---- rows ---- */

struct model_row *model_row(struct model *m, const struct model_table *t)
{
	return keep(m, sizeof(struct model_row) + t->n_slots * sizeof(struct stoa_value *));
}

void model_add(struct model_table *t, struct model_row *row)
{
	if (t->n_rows == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->rows = realloc(t->rows, t->cap * sizeof *t->rows);
		if (!t->rows)
			fail_msg("out of memory");
	}
	row->rowid = t->next_rowid++;
	t->rows[t->n_rows++] = row;
}

size_t model_seek(const struct model_table *t, uint64_t rowid)
{
	size_t lo = 0, hi = t->n_rows;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (t->rows[mid]->rowid < rowid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void model_remove(struct model_table *t, size_t at)
{
	t->n_rows--;
	memmove(&t->rows[at], &t->rows[at + 1], (t->n_rows - at) * sizeof t->rows[0]);
}

struct model_row *model_change(struct model *m, struct model_table *t, size_t at)
{
	struct model_row *row = model_row(m, t);

	memcpy(row, t->rows[at], sizeof *row + t->n_slots * sizeof row->cell[0]);
	t->rows[at] = row;
	return row;
}

void model_add_slot(struct model *m, struct model_table *t, const struct model_slot *slot)
{
	t->slots[t->n_slots++] = slot;
	for (size_t i = 0; i < t->n_rows; i++) {
		struct model_row *row = model_row(m, t);

		memcpy(row, t->rows[i], sizeof *row + (t->n_slots - 1) * sizeof row->cell[0]);
		row->cell[t->n_slots - 1] = &slot->def.value;
		t->rows[i] = row;
	}
}

void model_drop_slot(struct model *m, struct model_table *t, size_t at)
{
	size_t after = t->n_slots - at - 1;

	memmove(&t->slots[at], &t->slots[at + 1], after * sizeof t->slots[0]);
	t->n_slots--;
	for (size_t i = 0; i < t->n_rows; i++) {
		struct model_row *row = model_row(m, t), *old = t->rows[i];

		row->rowid = old->rowid;
		memcpy(row->cell, old->cell, at * sizeof row->cell[0]);
		memcpy(row->cell + at, old->cell + at + 1, after * sizeof row->cell[0]);
		t->rows[i] = row;
	}
}

/* ---- shapes ---- */

enum {
	SHAPE_CONSTANT,
	SHAPE_NARROW,
	SHAPE_NEGATIVE,
	SHAPE_EXTREME,
	SHAPE_WIDE,
	SHAPE_COUNTING,
	N_SHAPES
};

void model_reshape(struct model *m, const struct model_slot *slot)
{
	static const uint8_t nulls[] = { 0, 0, 0, 5, 50, 95, 100 };
	struct model_shape *s = slot->shape;

	s->kind = (unsigned)model_below(m, N_SHAPES);
	s->bits = (unsigned)model_below(m, 33);
	s->base = testing_random(&m->rng);
	s->counter = model_below(m, 1000);
	s->null_percent = nulls[model_below(m, sizeof nulls)];
}

/* A number of the shape, before it is fitted to a type's range. */
static uint64_t number(struct model *m, struct model_shape *s, uint64_t min, uint64_t max)
{
	switch (s->kind) {
	case SHAPE_CONSTANT: return s->base;
	case SHAPE_NARROW: return s->base + testing_random(&m->rng) % ((uint64_t)1 << s->bits);
	case SHAPE_NEGATIVE: return (uint64_t)-(int64_t)model_below(m, 200);
	case SHAPE_EXTREME:
		switch (model_below(m, 5)) {
		case 0: return min;
		case 1: return max;
		case 2: return min + 1;
		case 3: return max - 1;
		default: return 0;
		}
	case SHAPE_COUNTING: return s->counter++;
	default: return testing_random(&m->rng);
	}
}

static int64_t integer(struct model *m, const struct model_slot *slot)
{
	int64_t min, max, x;
	uint64_t span;

	stoa__type_range(slot->def.type, slot->def.precision, &min, &max);
	x = (int64_t)number(m, slot->shape, (uint64_t)min, (uint64_t)max);
	if (x >= min && x <= max)
		return x;
	span = (uint64_t)max - (uint64_t)min + 1;
	return (int64_t)((uint64_t)min + (uint64_t)x % span);
}

static uint64_t natural(struct model *m, const struct model_slot *slot)
{
	uint64_t max = UINT64_MAX >> (64 - 8 * stoa__type_width(slot->def.type));

	return number(m, slot->shape, 0, max) & max;
}

static double special(struct model *m)
{
	static const double table[] = { 0.0, -0.0, 1.0, -1.0, 1e300, 5e-324, 0.1, 1e22 };

	switch (model_below(m, 12)) {
	case 0: return (double)NAN;
	case 1: return (double)INFINITY;
	case 2: return -(double)INFINITY;
	default: return table[model_below(m, 8)];
	}
}

static double real(struct model *m, const struct model_slot *slot)
{
	struct model_shape *s = slot->shape;
	uint64_t bits = testing_random(&m->rng);
	double x;

	switch (s->kind) {
	case SHAPE_CONSTANT: x = (double)(s->base % 1000) / 8; break;
	case SHAPE_NARROW: x = (double)(int64_t)model_below(m, 100000) / 100; break;
	case SHAPE_NEGATIVE: x = -(double)model_below(m, 1000) / 10; break;
	case SHAPE_EXTREME: x = special(m); break;
	case SHAPE_COUNTING: x = (double)s->counter++; break;
	default: memcpy(&x, &bits, sizeof x);
	}
	return slot->def.type == STOA_F32 ? (double)(float)x : x;
}

/* Text that compresses, of about @n words. */
static size_t prose(struct model *m, char *out, size_t n)
{
	static const char *const words[] = {
		"column",   "walk ", "covered", " a ",		"\xc3\xa9t\xc3\xa9",
		"between ", "the",   "\n",	"\xe2\x82\xac", "0123456789",
	};
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const char *w = words[model_below(m, sizeof words / sizeof *words)];

		memcpy(out + len, w, strlen(w));
		len += strlen(w);
	}
	return len;
}

static size_t noise(struct model *m, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (char)testing_random(&m->rng);
	return n;
}

#define BYTES_MAX 8192

static size_t bytes(struct model *m, const struct model_slot *slot, char *out)
{
	struct model_shape *s = slot->shape;
	size_t n;

	switch (s->kind) {
	case SHAPE_CONSTANT: return (size_t)sprintf(out, "always %u", (unsigned)(s->base % 100));
	case SHAPE_NARROW: return (size_t)sprintf(out, "%u", (unsigned)model_below(m, 7));
	case SHAPE_NEGATIVE: return model_chance(m, 50) ? 0 : prose(m, out, 1);
	case SHAPE_COUNTING:
		return (size_t)sprintf(out, "the %llu-th", (unsigned long long)s->counter++);
	case SHAPE_EXTREME:
		n = model_chance(m, 2) ? model_below(m, 500) : model_below(m, 20);
		return prose(m, out, n);
	default:
		n = model_chance(m, 2) ? model_below(m, 4000) : model_below(m, 40);
		return slot->def.type == STOA_BLOB ? noise(m, out, n) : prose(m, out, n / 4);
	}
}

const struct stoa_value *model_value(struct model *m, const struct model_slot *slot)
{
	struct stoa_value *v = keep(m, sizeof *v);
	char room[BYTES_MAX], *p;
	size_t n;

	if (!(slot->def.flags & STOA_NOT_NULL) && model_chance(m, slot->shape->null_percent))
		return v;
	v->type = slot->def.type;
	v->scale = slot->def.scale;
	switch (stoa__type_family(v->type)) {
	case STOA__INT: v->i = integer(m, slot); break;
	case STOA__UINT: v->u = natural(m, slot); break;
	case STOA__FLOAT: v->f = real(m, slot); break;
	case STOA__UUID:
		n = number(m, slot->shape, 0, UINT64_MAX);
		memcpy(v->uuid + 4, &n, sizeof n);
		break;
	case STOA__BYTES:
		n = bytes(m, slot, room);
		p = keep(m, n + 1);
		memcpy(p, room, n);
		v->p = p;
		v->len = (uint32_t)n;
		break;
	}
	return v;
}

struct stoa_value model_disguise(struct model *m, const struct stoa_value *v)
{
	struct stoa_value d = *v;

	if (model_chance(m, 50))
		return d;
	switch (v->type) {
	case STOA_I8:
	case STOA_I16:
	case STOA_I32:
		d.type = STOA_I64;
		break;
	case STOA_I64:
		d.type = v->i >= 0 ? STOA_U64 : STOA_I64;
		break;
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
		d.type = STOA_U64;
		break;
	case STOA_F32:
		d.type = STOA_F64;
		break;
	case STOA_DECIMAL:
		if (v->scale < 18 && v->i < 100000000 && v->i > -100000000) {
			d.i *= 10;
			d.scale++;
		}
		break;
	case STOA_STRING:
		d.type = STOA_TEXT;
		break;
	case STOA_TEXT:
		d.type = STOA_BLOB;
		break;
	default:
		break;
	}
	return d;
}

bool model_equal(const struct stoa_value *a, const struct stoa_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == STOA_NULL)
		return true;
	switch (stoa__type_family(a->type)) {
	case STOA__BYTES: return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
	case STOA__UUID: return !memcmp(a->uuid, b->uuid, sizeof a->uuid);
	case STOA__FLOAT: return (isnan(a->f) && isnan(b->f)) || !memcmp(&a->f, &b->f, sizeof a->f);
	default: return a->u == b->u && a->scale == b->scale;
	}
}

/* ---- slots ---- */

struct model_slot *model_slot(struct model *m, const char *name)
{
	struct model_slot *s = keep(m, sizeof *s);
	unsigned types = STOA_BLOB - STOA_BOOL + 1;

	snprintf(s->name, sizeof s->name, "%s", name);
	s->def.name = s->name;
	s->def.type = (uint8_t)(STOA_BOOL + model_below(m, types));
	if (s->def.type == STOA_DECIMAL) {
		s->def.precision = (uint8_t)(1 + model_below(m, STOA_DECIMAL_PRECISION_MAX));
		s->def.scale = (uint8_t)model_below(m, s->def.precision + 1u);
	}
	s->shape = keep(m, sizeof *s->shape);
	model_reshape(m, s);
	if (model_chance(m, 30))
		s->def.flags = STOA_NOT_NULL;
	if (model_chance(m, 50))
		s->def.value = *model_value(m, s);
	return s;
}

struct model_slot *model_slot_renamed(struct model *m, const struct model_slot *slot,
				      const char *name)
{
	struct model_slot *s = keep(m, sizeof *s);

	*s = *slot;
	snprintf(s->name, sizeof s->name, "%s", name);
	s->def.name = s->name;
	return s;
}
