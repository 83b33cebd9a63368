/* SPDX-License-Identifier: MIT */
/* schema.c - see schema.h */
#include "schema.h"

#include <stdatomic.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/limits.h"
#include "core/type.h"

static void release(struct stoa__block *b)
{
	struct stoa__schema *s = (struct stoa__schema *)b;

	stoa__free(s->slots);
	stoa__free(s->defs);
	stoa__free(s->bytes);
	stoa__free(s->indexes);
}

int stoa__name_check(const char *what, const char *name, struct stoa_error *err)
{
	size_t len = name ? strlen(name) : 0;

	if (!len)
		return stoa__fail(err, STOA_EINVAL, "the %s's name is empty: give it one", what);
	if (len > STOA_NAME_MAX)
		return stoa__fail(err, STOA_EINVAL,
				  "the %s's name has %zu bytes: at most %d are allowed", what, len,
				  STOA_NAME_MAX);
	if (!stoa__utf8_valid(name, len))
		return stoa__fail(err, STOA_EINVAL, "the %s's name is not UTF-8", what);
	return STOA_OK;
}

static int check_reference(const struct stoa_slot *s, struct stoa_error *err)
{
	if (!stoa__type_is_ref(s->type))
		return s->target ? stoa__fail(err, STOA_EINVAL,
					      "slot \"%s\": only references have a target", s->name) :
				   STOA_OK;
	if (s->value.type != STOA_NULL)
		return stoa__fail(err, STOA_EINVAL,
				  "slot \"%s\": the default of a reference is NULL", s->name);
	if (s->type == STOA_WEAK_REF && s->flags & STOA_NOT_NULL)
		return stoa__fail(err, STOA_EINVAL,
				  "slot \"%s\": a weak reference becomes NULL when its row goes, so "
				  "it cannot be not null", s->name);
	return STOA_OK;
}

static int check_slot(const struct stoa_slot *slots, size_t i, struct stoa_error *err)
{
	const struct stoa_slot *s = &slots[i];

	STOA_TRY(stoa__name_check("slot", s->name, err));
	for (size_t j = 0; j < i; j++)
		if (stoa__name_equal(slots[j].name, s->name))
			return stoa__fail(err, STOA_EEXIST, "two slots are called \"%s\"", s->name);
	if (!stoa__type_valid(s->type))
		return stoa__fail(err, STOA_EINVAL, "slot \"%s\": there is no type number %u",
				  s->name, s->type);
	if (s->flags & ~STOA_NOT_NULL)
		return stoa__fail(err, STOA_EINVAL, "slot \"%s\": unknown flags 0x%x", s->name,
				  s->flags & ~STOA_NOT_NULL);
	if (s->type == STOA_DECIMAL) {
		if (s->precision < 1 || s->precision > STOA_DECIMAL_PRECISION_MAX ||
		    s->scale > s->precision)
			return stoa__fail(err, STOA_EINVAL,
					  "slot \"%s\": decimal(%u,%u) is not possible: the precision "
					  "is 1 to %d and the scale at most the precision",
					  s->name, s->precision, s->scale,
					  STOA_DECIMAL_PRECISION_MAX);
	} else if (s->precision || s->scale) {
		return stoa__fail(err, STOA_EINVAL,
				  "slot \"%s\": only decimals have a precision and a scale", s->name);
	}
	return check_reference(s, err);
}

static bool has_bytes(const struct stoa_value *v)
{
	return v->type == STOA_STRING || v->type == STOA_TEXT || v->type == STOA_BLOB;
}

/* Copies what @v borrows to *@at, which moves on. */
static void keep_bytes(struct stoa_value *v, char **at)
{
	if (!has_bytes(v))
		return;
	memcpy(*at, v->p, v->len);
	v->p = *at;
	*at += v->len;
}

static char *keep_name(const char *name, char **at)
{
	size_t size = strlen(name) + 1;
	char *copy = memcpy(*at, name, size);

	*at += size;
	return copy;
}

/* Allocates the schema's arrays; the block owns them at once. */
static int alloc_arrays(struct stoa__schema *s, const char *name, const struct stoa_slot *slots,
			const struct stoa_value *absents, size_t n_slots)
{
	size_t size = strlen(name) + 1;

	for (size_t i = 0; i < n_slots; i++) {
		size += strlen(slots[i].name) + 1;
		size += has_bytes(&slots[i].value) ? slots[i].value.len : 0;
		size += absents && has_bytes(&absents[i]) ? absents[i].len : 0;
	}
	s->block.release = release;
	s->slots = stoa__calloc(n_slots, sizeof *s->slots);
	s->defs = stoa__calloc(n_slots, sizeof *s->defs);
	s->bytes = stoa__alloc(size);
	return s->slots && s->defs && s->bytes ? STOA_OK : STOA_ENOMEM;
}

/* The default of slot @i, converted to its type. */
static int fill_slot(struct stoa__schema *s, size_t i, const struct stoa_slot *def, uint32_t id,
		     const struct stoa_value *absent, char **at, struct stoa_error *err)
{
	struct stoa__slot *slot = &s->slots[i];
	struct stoa_slot nullable = *def;

	nullable.flags = 0;
	slot->def = *def;
	slot->id = id;
	slot->absent = absent ? *absent : stoa_null();
	STOA_TRY(stoa__convert(&nullable, &def->value, &slot->def.value, err));
	slot->def.name = keep_name(def->name, at);
	keep_bytes(&slot->def.value, at);
	keep_bytes(&slot->absent, at);
	s->defs[i] = slot->def;
	return STOA_OK;
}

static _Atomic uint64_t serials;	/* given out */

int stoa__schema_new(struct stoa__version *w, const char *name, const struct stoa_slot *slots,
		     const uint32_t *ids, const struct stoa_value *absents, size_t n_slots,
		     uint32_t next_slot, struct stoa__schema **out, struct stoa_error *err)
{
	struct stoa__schema *s;
	char *at;
	int rc;

	STOA_TRY(stoa__name_check("table", name, err));
	if (!n_slots || n_slots > STOA_SLOTS_MAX)
		return stoa__fail(err, STOA_EINVAL,
				  "table \"%s\" would have %zu slots: 1 to %d are allowed", name,
				  n_slots, STOA_SLOTS_MAX);
	for (size_t i = 0; i < n_slots; i++)
		STOA_TRY(check_slot(slots, i, err));
	s = stoa__block_new(w, STOA__KIND_SCHEMA, sizeof *s);
	if (!s)
		return stoa__fail_memory(err);
	s->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
	if (alloc_arrays(s, name, slots, absents, n_slots) < 0) {
		rc = stoa__fail_memory(err);
		goto fail;
	}
	at = s->bytes;
	s->name = keep_name(name, &at);
	s->n_slots = (uint32_t)n_slots;
	s->next_slot = ids ? next_slot : (uint32_t)n_slots;
	for (size_t i = 0; i < n_slots; i++) {
		rc = fill_slot(s, i, &slots[i], ids ? ids[i] : (uint32_t)i,
			       absents ? &absents[i] : NULL, &at, err);
		if (rc < 0)
			goto fail;
		s->n_refs += slots[i].type == STOA_REF;
		s->n_weak += slots[i].type == STOA_WEAK_REF;
	}
	*out = s;
	return STOA_OK;
fail:
	stoa__block_retire(w, &s->block);
	return rc;
}

void stoa__schema_resolve_self(struct stoa__schema *s, uint32_t table)
{
	for (uint32_t i = 0; i < s->n_slots; i++) {
		if (stoa__type_is_ref(s->slots[i].def.type) && !s->slots[i].def.target)
			s->slots[i].def.target = s->defs[i].target = table;
	}
}

int stoa__schema_find(const struct stoa__schema *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_slots; i++)
		if (stoa__name_equal(s->slots[i].def.name, name))
			return (int)i;
	return -1;
}

/* ---- indexes ---- */

int stoa__schema_position_of(const struct stoa__schema *s, uint32_t slot_id)
{
	for (uint32_t i = 0; i < s->n_slots; i++)
		if (s->slots[i].id == slot_id)
			return (int)i;
	return -1;
}

/* Finds the slots of index @i, and checks it against those before it. */
static int check_index(struct stoa__schema *s, uint32_t i, struct stoa_error *err)
{
	struct stoa__index_def *def = &s->indexes[i];

	STOA_TRY(stoa__name_check("index", def->name, err));
	for (uint32_t j = 0; j < i; j++)
		if (stoa__name_equal(s->indexes[j].name, def->name) ||
		    s->indexes[j].id == def->id)
			return stoa__fail(err, STOA_EEXIST, "table \"%s\" has an index \"%s\" already",
					  s->name, def->name);
	/* Definitions come from files too. */
	if (!def->id || def->id >= s->next_index || def->n_slots > STOA_INDEX_SLOTS_MAX ||
	    (def->kind != STOA_INDEX_SET && def->kind != STOA_INDEX_DEQUE) ||
	    (def->kind == STOA_INDEX_SET && !def->n_slots))
		return stoa__fail(err, STOA_EINVAL, "index \"%s\" is not possible", def->name);
	for (uint32_t k = 0; k < def->n_slots; k++) {
		int at = stoa__schema_position_of(s, def->ids[k]);

		if (at < 0)
			return stoa__fail(err, STOA_EINVAL,
					  "index \"%s\" is on a slot that is not there", def->name);
		def->slots[k] = (uint32_t)at;
	}
	return STOA_OK;
}

int stoa__schema_set_indexes(struct stoa__schema *s, const struct stoa__index_def *defs, uint32_t n,
			     uint32_t next_index, struct stoa_error *err)
{
	s->next_index = next_index;
	if (!n)
		return STOA_OK;
	if (n > STOA_INDEXES_MAX)
		return stoa__fail(err, STOA_EFULL, "table \"%s\" would have %u indexes: at most %d are allowed",
				  s->name, n, STOA_INDEXES_MAX);
	s->indexes = stoa__calloc(n, sizeof *s->indexes);
	if (!s->indexes)
		return stoa__fail_memory(err);
	memcpy(s->indexes, defs, n * sizeof *defs);
	s->n_indexes = n;
	for (uint32_t i = 0; i < n; i++)
		STOA_TRY(check_index(s, i, err));
	return STOA_OK;
}

void stoa__slot_fill_absent(const struct stoa__slot *slot, size_t n, void *values,
			    uint64_t *validity, bool *any_null)
{
	*any_null = slot->absent.type == STOA_NULL;
	if (*any_null) {
		memset(values, 0, n * stoa__type_width(slot->def.type));
		memset(validity, 0, STOA__WORDS(n) * sizeof *validity);
		return;
	}
	for (size_t i = 0; i < n; i++)
		stoa__element_put(slot->def.type, values, i, &slot->absent);
}

/* ---- stored form ---- */

int stoa__value_put(const struct stoa_value *v, struct stoa__buf *out)
{
	STOA_TRY(stoa__buf_put_u8(out, v->type));
	switch (v->type) {
	case STOA_NULL:
	case STOA_TYPE_DEFAULT:
		return STOA_OK;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		return stoa__buf_put_bytes(out, v->p, v->len);
	case STOA_UUID:
		return stoa__buf_put(out, v->uuid, sizeof v->uuid);
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
	case STOA_F32:
	case STOA_F64:
	case STOA_REF:
	case STOA_WEAK_REF:
		return stoa__buf_put_u64(out, v->u);
	case STOA_DECIMAL:
		STOA_TRY(stoa__buf_put_u8(out, v->scale));
		/* fall through */
	default:
		/* zigzag, so that small numbers of either sign are short */
		return stoa__buf_put_varint(out, ((uint64_t)v->i << 1) ^ (uint64_t)(v->i >> 63));
	}
}

void stoa__value_read(struct stoa__reader *r, struct stoa_value *out)
{
	const uint8_t *p;
	uint64_t x;
	size_t len;

	*out = stoa_null();
	out->type = stoa__read_u8(r);
	switch (out->type) {
	case STOA_NULL:
		return;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		p = stoa__read_bytes(r, &len);
		if (!p || len > STOA_TEXT_MAX) {
			r->bad = 1;
			*out = stoa_null();
			return;
		}
		out->p = (const char *)p;
		out->len = (uint32_t)len;
		return;
	case STOA_UUID:
		p = stoa__read_run(r, sizeof out->uuid);
		if (p)
			memcpy(out->uuid, p, sizeof out->uuid);
		return;
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
	case STOA_F32:
	case STOA_F64:
	case STOA_REF:
	case STOA_WEAK_REF:
		out->u = stoa__read_u64(r);
		return;
	case STOA_DECIMAL:
		out->scale = stoa__read_u8(r);
		break;
	default:
		if (!stoa__type_valid(out->type)) {
			r->bad = 1;
			*out = stoa_null();
			return;
		}
	}
	x = stoa__read_varint(r);
	out->i = (int64_t)(x >> 1) ^ -(int64_t)(x & 1);
}

static int put_slot(const struct stoa__slot *slot, struct stoa__buf *out)
{
	STOA_TRY(stoa__buf_put_bytes(out, slot->def.name, strlen(slot->def.name)));
	STOA_TRY(stoa__buf_put_u8(out, slot->def.type));
	STOA_TRY(stoa__buf_put_u8(out, slot->def.precision));
	STOA_TRY(stoa__buf_put_u8(out, slot->def.scale));
	STOA_TRY(stoa__buf_put_varint(out, slot->def.flags));
	STOA_TRY(stoa__buf_put_varint(out, slot->id));
	STOA_TRY(stoa__value_put(&slot->def.value, out));
	STOA_TRY(stoa__value_put(&slot->absent, out));
	return stoa__type_is_ref(slot->def.type) ? stoa__buf_put_varint(out, slot->def.target) :
						   STOA_OK;
}

static int put_index(const struct stoa__index_def *def, struct stoa__buf *out)
{
	STOA_TRY(stoa__buf_put_bytes(out, def->name, strlen(def->name)));
	STOA_TRY(stoa__buf_put_varint(out, def->id));
	STOA_TRY(stoa__buf_put_u8(out, def->kind));
	STOA_TRY(stoa__buf_put_varint(out, def->flags));
	STOA_TRY(stoa__buf_put_varint(out, def->n_slots));
	for (uint32_t i = 0; i < def->n_slots; i++)
		STOA_TRY(stoa__buf_put_varint(out, def->ids[i]));
	for (uint32_t i = 0; i < STOA__INDEX_NUMBERS; i++)
		STOA_TRY(stoa__buf_put_varint(out, def->number[i]));
	return STOA_OK;
}

int stoa__schema_put(const struct stoa__schema *s, struct stoa__buf *out)
{
	STOA_TRY(stoa__buf_put_bytes(out, s->name, strlen(s->name)));
	STOA_TRY(stoa__buf_put_varint(out, s->n_slots));
	STOA_TRY(stoa__buf_put_varint(out, s->next_slot));
	for (uint32_t i = 0; i < s->n_slots; i++)
		STOA_TRY(put_slot(&s->slots[i], out));
	STOA_TRY(stoa__buf_put_varint(out, s->next_index));
	STOA_TRY(stoa__buf_put_varint(out, s->n_indexes));
	for (uint32_t i = 0; i < s->n_indexes; i++)
		STOA_TRY(put_index(&s->indexes[i], out));
	return stoa__buf_put_varint(out, s->deaths);
}

/* A NUL-terminated copy of a stored name, or bad. */
static char *read_name(struct stoa__reader *r)
{
	size_t len;
	const uint8_t *p = stoa__read_bytes(r, &len);

	if (!p || !len || len > STOA_NAME_MAX || memchr(p, 0, len)) {
		r->bad = 1;
		return NULL;
	}
	return stoa__strndup((const char *)p, len);
}

struct raw_schema {
	char *name;
	uint32_t n_slots, next_slot;
	struct stoa_slot *slots;
	uint32_t *ids;
	struct stoa_value *absents;
	uint32_t n_indexes, next_index, deaths;
	struct stoa__index_def *indexes;
};

static void read_index(struct stoa__reader *r, struct stoa__index_def *def)
{
	size_t len;
	const uint8_t *p = stoa__read_bytes(r, &len);

	if (!p || !len || len > STOA_NAME_MAX || memchr(p, 0, len)) {
		r->bad = 1;
		return;
	}
	memcpy(def->name, p, len);
	def->id = (uint32_t)stoa__read_varint(r);
	def->kind = stoa__read_u8(r);
	def->flags = (uint32_t)stoa__read_varint(r);
	def->n_slots = (uint32_t)stoa__read_varint(r);
	if (def->n_slots > STOA_INDEX_SLOTS_MAX) {
		r->bad = 1;
		return;
	}
	for (uint32_t i = 0; i < def->n_slots; i++)
		def->ids[i] = (uint32_t)stoa__read_varint(r);
	for (uint32_t i = 0; i < STOA__INDEX_NUMBERS; i++)
		def->number[i] = stoa__read_varint(r);
}

static void read_indexes(struct stoa__reader *r, struct raw_schema *raw)
{
	uint64_t n;

	raw->next_index = (uint32_t)stoa__read_varint(r);
	n = stoa__read_varint(r);
	if (n > STOA_INDEXES_MAX)
		r->bad = 1;
	if (!n || r->bad)
		return;
	raw->indexes = stoa__calloc(n, sizeof *raw->indexes);
	raw->n_indexes = (uint32_t)n;
	for (uint32_t i = 0; raw->indexes && i < n && !r->bad; i++)
		read_index(r, &raw->indexes[i]);
}

static void read_raw(struct stoa__reader *r, struct raw_schema *raw)
{
	uint64_t n;

	raw->name = read_name(r);
	n = stoa__read_varint(r);
	raw->next_slot = (uint32_t)stoa__read_varint(r);
	if (!n || n > STOA_SLOTS_MAX || raw->next_slot > STOA__SLOT_IDS_MAX) {
		r->bad = 1;
		return;
	}
	raw->slots = stoa__calloc(n, sizeof *raw->slots);
	raw->ids = stoa__calloc(n, sizeof *raw->ids);
	raw->absents = stoa__calloc(n, sizeof *raw->absents);
	if (!raw->slots || !raw->ids || !raw->absents)
		return;
	raw->n_slots = (uint32_t)n;
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		struct stoa_slot *slot = &raw->slots[i];

		slot->name = read_name(r);
		slot->type = stoa__read_u8(r);
		slot->precision = stoa__read_u8(r);
		slot->scale = stoa__read_u8(r);
		slot->flags = (uint32_t)stoa__read_varint(r);
		raw->ids[i] = (uint32_t)stoa__read_varint(r);
		if (raw->ids[i] >= raw->next_slot)
			r->bad = 1;
		stoa__value_read(r, &slot->value);
		stoa__value_read(r, &raw->absents[i]);
		if (stoa__type_is_ref(slot->type))
			slot->target = (stoa_table)stoa__read_varint(r);
	}
	read_indexes(r, raw);
	raw->deaths = (uint32_t)stoa__read_varint(r);
}

int stoa__schema_read(struct stoa__version *w, struct stoa__reader *r, struct stoa__schema **out,
		      struct stoa_error *err)
{
	struct raw_schema raw = { 0 };
	bool complete;
	int rc;

	read_raw(r, &raw);
	complete = raw.name && raw.n_slots && (raw.indexes || !raw.n_indexes);
	for (uint32_t i = 0; i < raw.n_slots; i++)
		complete &= raw.slots[i].name != NULL;
	if (r->bad)
		rc = stoa__fail(err, STOA_ECORRUPT, "a stored schema is malformed");
	else if (!complete)
		rc = stoa__fail_memory(err);
	else
		rc = stoa__schema_new(w, raw.name, raw.slots, raw.ids, raw.absents, raw.n_slots,
				      raw.next_slot, out, err);
	if (rc == STOA_OK) {
		(*out)->deaths = raw.deaths;
		rc = stoa__schema_set_indexes(*out, raw.indexes, raw.n_indexes, raw.next_index, err);
		if (rc < 0)
			stoa__block_retire(w, &(*out)->block);
	}
	for (uint32_t i = 0; i < raw.n_slots; i++)
		stoa__free((char *)raw.slots[i].name);
	stoa__free(raw.name);
	stoa__free(raw.slots);
	stoa__free(raw.ids);
	stoa__free(raw.absents);
	stoa__free(raw.indexes);
	return rc;
}
