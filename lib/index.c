/* SPDX-License-Identifier: MIT */
/* index.c - see index.h; and the calls that make, drop and find indexes */
#include "index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/type.h"
#include "db.h"
#include "deque_index.h"
#include "set.h"

#define DIGIT_BITS 11 /* of a rowid, sorted by at once */
#define DIGIT_MAX ((1u << DIGIT_BITS) - 1)
#define DIGITS_FROM 8192 /* rows; fewer are compared */

static const struct stoa__index_ops *const kinds[] = {
	[STOA_INDEX_SET] = &stoa__set_ops,
	[STOA_INDEX_DEQUE] = &stoa__deque_ops,
};

const struct stoa__index_ops *stoa__index_ops(unsigned kind)
{
	return kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : NULL;
}

static const struct stoa__index_ops *ops_of(const struct stoa__table *t, uint32_t i)
{
	return stoa__index_ops(t->schema->indexes[i].kind);
}

/* ---- for kinds ---- */

bool stoa__index_touched(const struct stoa__index_def *def, const struct stoa__change *change)
{
	for (size_t k = 0; k < change->n; k++)
		for (uint32_t j = 0; j < def->n_slots; j++)
			if (def->slots[j] == change->slots[k])
				return true;
	return false;
}

struct stoa__key stoa__index_key(uint8_t tag, const struct stoa__table *t, uint32_t i)
{
	struct stoa__key k = stoa__key_table(tag, t->id);

	stoa__key_add(&k, t->schema->indexes[i].id, 4);
	return k;
}

int stoa__no_index(const struct stoa__table *t, stoa_index index, unsigned kind,
		   struct stoa_error *err)
{
	return stoa__fail(err, STOA_ENOTFOUND, "table \"%s\" has no %s%sindex number %u",
			  t->schema->name, kind ? stoa__index_ops(kind)->name : "",
			  kind ? " " : "", index);
}

int stoa__index_find(stoa_txn *txn, stoa_table table, stoa_index index, unsigned kind,
		     struct stoa__table **t, uint32_t *i, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_table(txn, table, t, err));
	return stoa__index_at(*t, index, kind, i, err);
}

/* ---- states come and go with the schema ---- */

static void retire_block(void *w, struct stoa__block *b)
{
	stoa__block_retire(w, b);
}

/* A block of @n states: those of definitions that stay, the rest NULL. */
static int carry_over(struct stoa__version *w, const struct stoa__table *t,
		      const struct stoa__schema *schema, struct stoa__indexes **out)
{
	*out = NULL;
	if (!schema->n_indexes)
		return STOA_OK;
	*out = stoa__block_new(w, STOA__KIND_INDEX,
			       sizeof **out + schema->n_indexes * sizeof (*out)->state[0]);
	if (!*out)
		return STOA_ENOMEM;
	(*out)->n = schema->n_indexes;
	for (uint32_t i = 0; i < schema->n_indexes; i++) {
		int at = stoa__schema_find_index(t->schema, schema->indexes[i].id);

		(*out)->state[i] = at < 0 || !t->indexes ? NULL : t->indexes->state[at];
	}
	return STOA_OK;
}

/* Retires the states of definitions that @schema has no more, and the block that named them all. */
static void retire_gone(struct stoa__version *w, const struct stoa__schema *old,
			struct stoa__indexes *states, const struct stoa__schema *schema)
{
	for (uint32_t i = 0; states && i < states->n; i++)
		if (states->state[i] && stoa__schema_find_index(schema, old->indexes[i].id) < 0)
			stoa__index_ops(old->indexes[i].kind)
				->each_block(states->state[i], retire_block, w);
	if (states)
		stoa__block_retire(w, &states->block);
}

/* Makes the states that are missing; those made are retired again when one fails. */
static int create_missing(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	uint32_t made = 0;	/* a bit for each */
	int rc = STOA_OK;

	for (uint32_t i = 0; t->indexes && i < t->indexes->n && rc == STOA_OK; i++) {
		if (t->indexes->state[i])
			continue;
		if (!ops_of(t, i))
			rc = stoa__fail(err, STOA_ECORRUPT, "there is no kind of index number %u",
					t->schema->indexes[i].kind);
		else
			rc = ops_of(t, i)->create(w, t, i, err);
		made |= (uint32_t)1 << i;
	}
	for (uint32_t i = 0; rc < 0 && i < t->indexes->n; i++)
		if (made >> i & 1 && t->indexes->state[i])
			ops_of(t, i)->each_block(t->indexes->state[i], retire_block, w);
	return rc;
}

_Static_assert(STOA_INDEXES_MAX <= 32, "a bit for each");

int stoa__indexes_change(struct stoa__version *w, struct stoa__table *t,
			 struct stoa__schema *schema, struct stoa_error *err)
{
	struct stoa__schema *old_schema = t->schema;
	struct stoa__indexes *old = t->indexes, *states;
	int rc;

	if (!old && !schema->n_indexes)
		return STOA_OK;
	if (carry_over(w, t, schema, &states) < 0)
		return stoa__fail_memory(err);
	t->indexes = states;
	t->schema = schema;
	rc = create_missing(w, t, err);
	if (rc < 0) {
		if (states)
			stoa__block_retire(w, &states->block);
		t->indexes = old;
	} else {
		retire_gone(w, old_schema, old, schema);
	}
	t->schema = old_schema;
	return rc;
}

/* ---- lists of rows ---- */

int stoa__rowlist_add(struct stoa__rowlist *list, uint64_t rowid)
{
	if (list->max && list->n == list->max)
		return STOA_EFULL;
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		uint64_t *rows = stoa__realloc_array(list->rows, cap, sizeof *rows);

		if (!rows)
			return STOA_ENOMEM;
		list->rows = rows;
		list->cap = cap;
	}
	list->rows[list->n++] = rowid;
	return STOA_OK;
}

static int by_rowid(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool ascends(const struct stoa__rowlist *list)
{
	for (size_t k = 1; k < list->n; k++)
		if (list->rows[k - 1] >= list->rows[k])
			return false;
	return true;
}

/* Orders by one digit. */
static void sort_digit(const uint64_t *from, uint64_t *to, size_t n, unsigned shift)
{
	size_t at[1 << DIGIT_BITS] = { 0 }, sum = 0;

	for (size_t k = 0; k < n; k++)
		at[from[k] >> shift & DIGIT_MAX]++;
	for (size_t d = 0; d <= DIGIT_MAX; d++) {
		size_t of_digit = at[d];

		at[d] = sum;
		sum += of_digit;
	}
	for (size_t k = 0; k < n; k++)
		to[at[from[k] >> shift & DIGIT_MAX]++] = from[k];
}

/* Orders digit by digit, the lowest first: false if there is no memory for it. */
static bool sort_digits(struct stoa__rowlist *list)
{
	uint64_t *other = stoa__realloc_array(NULL, list->cap, sizeof *other), max = 0;

	if (!other)
		return false;
	for (size_t k = 0; k < list->n; k++)
		max |= list->rows[k];
	for (unsigned shift = 0; shift < 64 && max >> shift; shift += DIGIT_BITS) {
		uint64_t *rows = list->rows;

		sort_digit(rows, other, list->n, shift);
		list->rows = other;
		other = rows;
	}
	stoa__free(other);
	return true;
}

void stoa__rowlist_sort(struct stoa__rowlist *list)
{
	size_t n = 0;

	if (ascends(list))
		return;
	if (list->n < DIGITS_FROM || !sort_digits(list))
		qsort(list->rows, list->n, sizeof *list->rows, by_rowid);
	for (size_t k = 0; k < list->n; k++)
		if (!n || list->rows[n - 1] != list->rows[k])
			list->rows[n++] = list->rows[k];
	list->n = n;
}

/* ---- rows change ---- */

/* Apart, so that a table of one index, as most are, comes to it by a jump and keeps nothing for it. */
static __attribute__((noinline)) int before_all(struct stoa__version *w, struct stoa__table *t,
						struct stoa__change *change, struct stoa_error *err)
{
	for (uint32_t i = 0; i < t->indexes->n; i++)
		STOA_TRY(ops_of(t, i)->before(w, t, i, change, err));
	return STOA_OK;
}

static __attribute__((noinline)) void after_all(struct stoa__version *w, struct stoa__table *t,
						const struct stoa__change *change)
{
	for (uint32_t i = 0; i < t->indexes->n; i++)
		ops_of(t, i)->after(w, t, i, change);
}

int stoa__indexes_before(struct stoa__version *w, struct stoa__table *t,
			 struct stoa__change *change, struct stoa_error *err)
{
	return t->indexes->n == 1 ? ops_of(t, 0)->before(w, t, 0, change, err) :
				    before_all(w, t, change, err);
}

void stoa__indexes_after(struct stoa__version *w, struct stoa__table *t,
			 const struct stoa__change *change)
{
	if (t->indexes->n == 1)
		ops_of(t, 0)->after(w, t, 0, change);
	else
		after_all(w, t, change);
}

/* Lets the index that settles conflicts see the rows, and drops those that lose. */
static int settle(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t, uint32_t i,
		  uint64_t first, struct stoa__conflicts *c, struct stoa_error *err)
{
	STOA_TRY(ops_of(t, i)->appended(w, txn, t, i, first, c, err));
	stoa__rowlist_sort(&c->losers);
	for (size_t k = 0; k < c->losers.n; k++)
		STOA_TRY(c->drop(c, c->losers.rows[k], err));
	return STOA_OK;
}

int stoa__indexes_appended(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t,
			   uint64_t first, struct stoa__conflicts *c, struct stoa_error *err)
{
	int settled = c ? stoa__schema_find_index(t->schema, c->index) : -1;

	if (settled >= 0)
		STOA_TRY(settle(w, txn, t, (uint32_t)settled, first, c, err));
	for (uint32_t i = 0; t->indexes && i < t->indexes->n; i++)
		if (ops_of(t, i)->appended && (int)i != settled)
			STOA_TRY(ops_of(t, i)->appended(w, txn, t, i, first, NULL, err));
	return STOA_OK;
}

void stoa__indexes_undone(const struct stoa__table *t)
{
	for (uint32_t i = 0; t->indexes && i < t->indexes->n; i++)
		if (ops_of(t, i)->undone)
			ops_of(t, i)->undone(t, i);
}

void stoa__indexes_each_block(const struct stoa__table *t,
			      void (*each)(void *ctx, struct stoa__block *b), void *ctx)
{
	if (!t->indexes)
		return;
	for (uint32_t i = 0; i < t->indexes->n; i++)
		ops_of(t, i)->each_block(t->indexes->state[i], each, ctx);
	each(ctx, &t->indexes->block);
}

/* ---- checkpoint and load ---- */

/* Records of indexes that the table has no more. */
struct gone {
	const struct stoa__schema *schema;
	uint32_t id;	/* one of them; 0: none was found */
};

static int find_gone(void *ctx, const uint8_t *key, size_t len)
{
	struct gone *g = ctx;
	uint32_t id = len < 9 ? 0 : (uint32_t)stoa__key_number(key + 5, 4);

	if (id && stoa__schema_find_index(g->schema, id) < 0)
		g->id = id;
	return STOA_OK;
}

static int delete_gone(const struct stoa__saver *saver, const struct stoa__table *t, uint8_t tag)
{
	struct stoa__key all = stoa__key_table(tag, t->id), one;
	struct gone g = { t->schema, 0 };

	do {
		g.id = 0;
		STOA_TRY(stoa__catalog_keys(saver->db->catalog, all.p, all.len, find_gone, &g,
					    saver->err));
		one = all;
		stoa__key_add(&one, g.id, 4);
		if (g.id)
			STOA_TRY(stoa__catalog_delete_prefix(saver->db->catalog, one.p, one.len,
							     saver->err));
	} while (g.id);
	return STOA_OK;
}

int stoa__indexes_store(const struct stoa__saver *saver, const struct stoa__table *t)
{
	for (uint8_t tag = STOA__REC_SET; t->schema->next_index && tag <= STOA__REC_LAST; tag++)
		STOA_TRY(delete_gone(saver, t, tag));
	for (uint32_t i = 0; t->indexes && i < t->indexes->n; i++)
		if (ops_of(t, i)->store)
			STOA_TRY(ops_of(t, i)->store(saver, t, i));
	return STOA_OK;
}

int stoa__indexes_load(const struct stoa__restorer *from, struct stoa__table *t,
		       const uint8_t *key, size_t len, struct stoa__reader *r)
{
	int i = len < 9 ? -1 :
			  stoa__schema_find_index(t->schema, (uint32_t)stoa__key_number(key + 5, 4));

	if (i < 0 || !ops_of(t, (uint32_t)i)->load)
		return stoa__fail_corrupt(from->err, "catalog.mdb", 0,
					  "a record of an index is malformed");
	return ops_of(t, (uint32_t)i)->load(from, t, (uint32_t)i, key[0], key + 9, len - 9, r);
}

int stoa__indexes_loaded(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	for (uint32_t i = 0; t->indexes && i < t->indexes->n; i++)
		if (ops_of(t, i)->loaded)
			STOA_TRY(ops_of(t, i)->loaded(w, t, i, err));
	return STOA_OK;
}

/* ---- the public calls ---- */

/* Names of the slots with underscores between them, cut where the longest name ends. */
static void default_name(const struct stoa__schema *s, const struct stoa__index_def *def,
			 char out[STOA_NAME_MAX + 1])
{
	size_t len = 0;

	for (uint32_t i = 0; i < def->n_slots; i++) {
		const char *name = s->slots[def->slots[i]].def.name;

		if (len + strlen(name) + 1 > STOA_NAME_MAX)
			return;
		len += (size_t)sprintf(out + len, "%s%s", len ? "_" : "", name);
	}
}

static int copy_name(const struct stoa__schema *s, const struct stoa_index_options *o,
		     struct stoa__index_def *def, struct stoa_error *err)
{
	if (!o->name) {
		default_name(s, def, def->name);
		return STOA_OK;
	}
	STOA_TRY(stoa__name_check("index", o->name, err));
	memcpy(def->name, o->name, strlen(o->name));
	return STOA_OK;
}

/* A definition from what the application asks for; the kind has its say. */
static int define(const struct stoa__schema *s, const struct stoa_index_options *o,
		  struct stoa__index_def *def, struct stoa_error *err)
{
	const struct stoa__index_ops *ops = o ? stoa__index_ops((unsigned)o->kind) : NULL;

	memset(def, 0, sizeof *def);
	if (!ops || o->size != sizeof *o)
		return stoa__fail(err, STOA_EINVAL,
				  "an index needs STOA_INDEX_OPTIONS_INIT and a kind");
	if (o->n_slots > STOA_INDEX_SLOTS_MAX || (o->n_slots && !o->slots))
		return stoa__fail(err, STOA_EINVAL, "an index is on up to %d slots, not %zu",
				  STOA_INDEX_SLOTS_MAX, o->n_slots);
	for (size_t i = 0; i < o->n_slots; i++) {
		if (o->slots[i] >= s->n_slots)
			return stoa__fail(err, STOA_EINVAL, "table \"%s\" has no slot at position %u",
					  s->name, o->slots[i]);
		for (size_t j = 0; j < i; j++)
			if (o->slots[i] == o->slots[j])
				return stoa__fail(err, STOA_EINVAL,
						  "slot \"%s\" comes twice in the index",
						  s->slots[o->slots[i]].def.name);
		def->slots[i] = o->slots[i];
		def->ids[i] = s->slots[o->slots[i]].id;
	}
	def->kind = (uint8_t)o->kind;
	def->flags = o->flags;
	def->n_slots = (uint32_t)o->n_slots;
	STOA_TRY(copy_name(s, o, def, err));
	return ops->define(s, o, def, err);
}

int stoa_index_create(stoa_txn *txn, stoa_table table, const struct stoa_index_options *options,
		      stoa_index *out, struct stoa_error *err)
{
	struct stoa__index_def *defs;
	const struct stoa__schema *s;
	uint32_t n;
	int rc;

	STOA_TRY(stoa__schema_begin_change(txn, table, &s, err));
	n = s->n_indexes;
	defs = stoa__calloc(n + 1, sizeof *defs);
	if (!defs)
		return stoa__fail_memory(err);
	if (n)
		memcpy(defs, s->indexes, n * sizeof *defs);
	rc = define(s, options, &defs[n], err);
	if (rc == STOA_OK) {
		uint32_t id = defs[n].id = s->next_index ? s->next_index : 1;

		rc = stoa__schema_change_indexes(txn, table, defs, n + 1, id + 1, err);
		if (rc == STOA_OK && out)
			*out = id;
	}
	stoa__free(defs);
	return rc;
}

static int no_index(const struct stoa__schema *s, stoa_index index, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ENOTFOUND, "table \"%s\" has no index number %u", s->name,
			  index);
}

int stoa_index_drop(stoa_txn *txn, stoa_table table, stoa_index index, struct stoa_error *err)
{
	struct stoa__index_def *defs;
	const struct stoa__schema *s;
	uint32_t n = 0;
	int rc;

	STOA_TRY(stoa__schema_begin_change(txn, table, &s, err));
	if (stoa__schema_find_index(s, index) < 0)
		return no_index(s, index, err);
	defs = stoa__calloc(s->n_indexes, sizeof *defs);
	if (!defs)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < s->n_indexes; i++)
		if (s->indexes[i].id != index)
			defs[n++] = s->indexes[i];
	rc = stoa__schema_change_indexes(txn, table, defs, n, s->next_index, err);
	stoa__free(defs);
	return rc;
}

int stoa_index_find(stoa_txn *txn, stoa_table table, const char *name, stoa_index *out,
		    struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	STOA_TRY(stoa__name_check("index", name, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the answer");
	for (uint32_t i = 0; i < t->schema->n_indexes; i++)
		if (stoa__name_equal(t->schema->indexes[i].name, name)) {
			*out = t->schema->indexes[i].id;
			return STOA_OK;
		}
	return stoa__fail(err, STOA_ENOTFOUND, "table \"%s\" has no index \"%s\"", t->schema->name,
			  name);
}

int stoa_index_next(stoa_txn *txn, stoa_table table, stoa_index index, stoa_index *out,
		    struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the answer");
	/* Ids ascend: new definitions come behind the others. */
	for (uint32_t i = 0; i < t->schema->n_indexes; i++)
		if (t->schema->indexes[i].id > index) {
			*out = t->schema->indexes[i].id;
			return STOA_ROW;
		}
	return STOA_END;
}

static void add_size(void *ctx, struct stoa__block *b)
{
	*(uint64_t *)ctx += stoa__block_bytes(b);
}

int stoa_index_info(stoa_txn *txn, stoa_table table, stoa_index index,
		    struct stoa_index_info *out, struct stoa_error *err)
{
	const struct stoa__index_def *def;
	struct stoa__table *t;
	uint32_t i = 0;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__index_find(txn, table, index, 0, &t, &i, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the answer");
	def = &t->schema->indexes[i];
	*out = (struct stoa_index_info){ .name = def->name,
					 .kind = def->kind,
					 .flags = def->flags,
					 .slots = def->slots,
					 .n_slots = def->n_slots };
	if (def->kind == STOA_INDEX_DEQUE)
		stoa__deque_tell(def, out);
	ops_of(t, i)->each_block(t->indexes->state[i], add_size, &out->memory_bytes);
	return STOA_OK;
}

/* The slots that @names lists: their number, or an error. */
static int parse_slots(const struct stoa__schema *s, const char *names, uint32_t *slots,
		       struct stoa_error *err)
{
	size_t n = 0;

	for (const char *p = names;; p++) {
		size_t len = strcspn(p, ",");
		char *name = stoa__strndup(p, len);
		int at;

		if (!name)
			return stoa__fail_memory(err);
		at = stoa__schema_find(s, name);
		stoa__free(name);
		if (at < 0)
			return stoa__fail(err, STOA_ENOTFOUND, "table \"%s\" has no slot \"%.*s\"",
					  s->name, (int)(len < STOA_NAME_MAX ? len : STOA_NAME_MAX), p);
		if (n == STOA_INDEX_SLOTS_MAX)
			return stoa__fail(err, STOA_EINVAL, "an index is on up to %d slots",
					  STOA_INDEX_SLOTS_MAX);
		slots[n++] = (uint32_t)at;
		p += len;
		if (!*p)
			return (int)n;
	}
}

/* Is the index unique, and on these slots in whatever order? */
static bool is_unique_on(const struct stoa__index_def *def, const uint32_t *slots, uint32_t n)
{
	uint32_t same = 0;

	for (uint32_t k = 0; k < n; k++)
		for (uint32_t j = 0; j < def->n_slots; j++)
			same += def->slots[j] == slots[k];
	return def->kind == STOA_INDEX_SET && (def->flags & STOA_INDEX_UNIQUE) &&
	       def->n_slots == n && same == n;
}

int stoa_index_ensure_unique(stoa_txn *txn, stoa_table table, const char *names, stoa_index *out,
			     struct stoa_error *err)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	uint32_t slots[STOA_INDEX_SLOTS_MAX];
	struct stoa__table *t;
	int n;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (!names || !out)
		return stoa__fail(err, STOA_EINVAL, "slots, and room for the answer, are needed");
	n = parse_slots(t->schema, names, slots, err);
	if (n < 0)
		return n;
	for (uint32_t i = 0; i < t->schema->n_indexes; i++)
		if (is_unique_on(&t->schema->indexes[i], slots, (uint32_t)n)) {
			*out = t->schema->indexes[i].id;
			return STOA_OK;
		}
	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE;
	o.slots = slots;
	o.n_slots = (size_t)n;
	return stoa_index_create(txn, table, &o, out, err);
}
