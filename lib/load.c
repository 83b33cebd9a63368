/* SPDX-License-Identifier: MIT */
/*
 * load.c - from the catalog's records to a version
 *
 * Records come in key order: database, files, tables, then what hangs on tables. Their checksums
 * are verified already, and so is that none is missing; what is checked here is that they fit each
 * other, since a file may have been made by someone who knows how to compute checksums.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/type.h"
#include "db.h"
#include "index.h"

struct file {
	uint64_t number;
	struct stoa__segment *segment;
};

struct loader {
	struct stoa_db *db;
	struct stoa__version *w;
	struct stoa__log_position log;
	uint64_t commit;
	struct file *files;
	size_t n_files;
	stoa__lost *lost;	/* told of what cannot be loaded, which is then left out; NULL: it is an error */
	void *lost_ctx;
	struct stoa__buf scratch;
	struct stoa__buf image;	/* a chunk image, aligned as the catalog's values are not */
	struct stoa_error *err;
};

static void loader_release(struct loader *l)
{
	for (size_t i = 0; i < l->n_files; i++)
		stoa__segment_unref(l->files[i].segment);
	stoa__free(l->files);
	stoa__buf_release(&l->scratch);
	stoa__buf_release(&l->image);
}

static int malformed(const char *what, struct stoa_error *err)
{
	return stoa__fail_corrupt(err, "catalog.mdb", 0, "a record of %s is malformed", what);
}

/* ---- database, files, tables ---- */

int stoa__database_read(struct stoa__reader *r, struct stoa__database_record *out,
			struct stoa_error *err)
{
	uint32_t format = stoa__read_u32(r), features = stoa__read_u32(r);

	if (r->bad)
		return malformed("the database", err);
	if (format != STOA__FORMAT || features)
		return stoa__fail(err, STOA_EVERSION,
				  "the database has format %u (features 0x%x); this version of stoa "
				  "reads format %u: use the version that wrote it",
				  format, features, STOA__FORMAT);
	out->commit = stoa__read_u64(r);
	out->log.file = stoa__read_u64(r);
	out->log.seq = stoa__read_u64(r);
	out->next_table = stoa__read_u32(r);
	out->next_file = stoa__read_u64(r);
	if (r->bad || !out->commit || !out->next_table)
		return malformed("the database", err);
	return STOA_OK;
}

int stoa__file_record_read(struct stoa__reader *r, uint64_t *len, uint64_t *root,
			   struct stoa_error *err)
{
	*len = stoa__read_u64(r);
	*root = stoa__read_u64(r);
	return r->bad ? malformed("a segment file", err) : STOA_OK;
}

static int load_database(struct loader *l, struct stoa__reader *r, struct stoa_error *err)
{
	struct stoa__database_record record;

	STOA_TRY(stoa__database_read(r, &record, err));
	l->commit = record.commit;
	l->log = record.log;
	l->w->next_table = record.next_table;
	atomic_store(&l->db->next_file, record.next_file);
	return STOA_OK;
}

static int load_file(struct loader *l, uint64_t number, struct stoa__reader *r,
		     struct stoa_error *err)
{
	struct file *files;
	uint64_t len, root;

	STOA_TRY(stoa__file_record_read(r, &len, &root, err));
	files = stoa__realloc_array(l->files, l->n_files + 1, sizeof *files);
	if (!files)
		return stoa__fail_memory(err);
	l->files = files;
	STOA_TRY(stoa__segment_open(&l->db->dir, number, stoa__catalog_uuid(l->db->catalog), len,
				    root, &files[l->n_files].segment, err));
	files[l->n_files++].number = number;
	return STOA_OK;
}

static struct stoa__segment *find_file(const struct loader *l, uint64_t number)
{
	size_t lo = 0, n = l->n_files;

	while (n) {
		size_t half = n / 2;

		if (l->files[lo + half].number < number) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo < l->n_files && l->files[lo].number == number ? l->files[lo].segment : NULL;
}

static int load_table(struct loader *l, uint32_t id, struct stoa__reader *r,
		      struct stoa_error *err)
{
	struct stoa__schema *schema;
	struct stoa__table *t;
	uint64_t first, rows;

	if (!id || id >= l->w->next_table)
		return malformed("a table", err);
	STOA_TRY(stoa__schema_read(l->w, r, &schema, err));
	STOA_TRY(stoa__table_set_schema(l->w, NULL, id, schema, err));
	t = stoa__table_find(l->w, id);
	t->frozen = stoa__read_u8(r);
	t->next_rowid = stoa__read_u64(r);
	first = stoa__read_u64(r);
	rows = stoa__read_u64(r);
	if (stoa__reader_left(r)) {
		t->uncounted_from = stoa__read_u64(r);
		t->uncounted_end = stoa__read_u64(r);
		r->bad |= !t->uncounted_from || t->uncounted_from >= t->uncounted_end ||
			  t->uncounted_end > t->next_rowid || !t->schema->n_refs;
	}
	if (r->bad || rows > STOA__GROUP_ROWS || (rows && first + rows != t->next_rowid))
		return malformed("a table", err);
	if (!rows)
		return STOA_OK;
	if (stoa__table_new_tail(l->w, t, first) < 0)
		return stoa__fail_memory(err);
	t->tail_rows = (uint32_t)rows;
	t->tail->tail->persisted = rows;
	t->n_rows = rows;
	return STOA_OK;
}

/* Opens the rest of a record as a chunk; it lives until the next is opened. */
static int open_image(struct loader *l, struct stoa__reader *r, struct stoa__chunk *c,
		      const char *what, struct stoa_error *err)
{
	const char *why;

	stoa__buf_reset(&l->image);
	if (stoa__buf_put(&l->image, r->p, stoa__reader_left(r)) < 0)
		return stoa__fail_memory(err);
	if (stoa__chunk_open(l->image.p, l->image.len, c, &why) < 0)
		return malformed(what, err);
	return STOA_OK;
}

/* ---- groups ---- */

static int add_group(struct loader *l, struct stoa__table *t, const struct stoa__base_info *info,
		     struct stoa__segment *segment, uint32_t index, struct stoa_error *err)
{
	struct stoa__base *base;
	struct stoa__group *g;
	int rc;

	STOA_TRY(stoa__base_new_mapped(l->w, info, segment, index, &base, err));
	rc = stoa__table_add_group(l->w, t, base, &g, err);
	if (rc < 0)
		stoa__block_retire(l->w, &base->block);
	return rc;
}

static int load_group(struct loader *l, struct stoa__table *t, uint64_t first,
		      struct stoa__reader *r, struct stoa_error *err)
{
	struct stoa__base_info info = { .first = first, .n_columns = t->schema->next_slot };
	uint64_t file = stoa__read_u64(r);
	uint32_t index = stoa__read_u32(r);
	struct stoa__segment *segment = find_file(l, file);
	const struct stoa__group *before = stoa__tree_floor(t->groups, UINT64_MAX);

	info.n_rows = stoa__read_u32(r);
	info.last = stoa__read_u64(r);
	info.generation = stoa__read_u8(r);
	info.cold = info.generation & STOA__COLD;
	info.generation &= (uint8_t)~STOA__COLD;
	if (r->bad || !segment || !info.n_rows || info.n_rows > STOA__GROUP_ROWS || !first ||
	    info.last < first || info.last - first < info.n_rows - 1 ||
	    info.last >= (t->tail ? t->tail->first : t->next_rowid) ||
	    info.generation >= STOA__GENERATIONS || (before && before->base->last >= first))
		return malformed("a row group", err);
	return add_group(l, t, &info, segment, index, err);
}

/* The group that a live block or overlay page belongs to. */
static struct stoa__group *find_group(const struct stoa__table *t, uint64_t first)
{
	return first == STOA__TAIL_ROWID ? t->tail : stoa__tree_find(t->groups, first);
}

/* Which of the rows of block @block are there? */
static bool has_row(const struct stoa__table *t, const struct stoa__group *g, uint32_t block,
		    uint32_t i)
{
	return block * STOA__LIVE_ROWS + i < stoa__group_rows(t, g);
}

static int load_live(struct loader *l, struct stoa__table *t, struct stoa__group *g, uint32_t block,
		     struct stoa__reader *r, struct stoa_error *err)
{
	uint32_t n_dead = 0;
	struct stoa__live *live;
	const uint8_t *words = stoa__read_run(r, sizeof live->words);

	if (!words || block >= STOA__LIVE_BLOCKS || g->live[block])
		return malformed("deleted rows", err);
	if (stoa__group_own_live(l->w, g, block, &live) < 0)
		return stoa__fail_memory(err);
	memcpy(live->words, words, sizeof live->words);
	for (uint32_t i = 0; i < STOA__LIVE_ROWS && has_row(t, g, block, i); i++)
		n_dead += !(live->words[i / 64] >> (i % 64) & 1);
	g->n_dead += n_dead;
	t->n_rows -= n_dead;
	return STOA_OK;
}

static int load_kept(struct loader *l, struct stoa__table *t, struct stoa__group *g, uint32_t block,
		     struct stoa__reader *r, struct stoa_error *err)
{
	uint64_t words[STOA__LIVE_ROWS / 64];
	const uint8_t *stored = stoa__read_run(r, sizeof words);
	uint32_t n_kept = 0;
	struct stoa__live *kept;

	if (!stored || block >= STOA__LIVE_BLOCKS || g->kept[block])
		return malformed("kept rows", err);
	memcpy(words, stored, sizeof words);
	for (uint32_t i = 0; i < STOA__LIVE_ROWS; i++) {
		if (!(words[i / 64] >> (i % 64) & 1))
			continue;
		if (!has_row(t, g, block, i) ||
		    stoa__group_alive(g, block * STOA__LIVE_ROWS + i))
			return malformed("kept rows", err);
		n_kept++;
	}
	/* Not before it is known to be right: a recovery goes on without what is not. */
	if (stoa__group_own_kept(l->w, g, block, &kept) < 0)
		return stoa__fail_memory(err);
	memcpy(kept->words, words, sizeof words);
	g->n_kept += n_kept;
	t->n_kept += n_kept;
	return STOA_OK;
}

static int load_counts(struct loader *l, struct stoa__table *t, uint64_t key, struct stoa__reader *r,
		       struct stoa_error *err)
{
	struct stoa__counts *counts;
	struct stoa__chunk c;

	STOA_TRY(open_image(l, r, &c, "counts", err));
	if (c.type != STOA_U32 || c.n_rows != STOA__COUNTS_ROWS || c.n_null ||
	    key > t->next_rowid / STOA__COUNTS_ROWS)
		return malformed("counts", err);
	if (stoa__counts_own(l->w, t, key * STOA__COUNTS_ROWS, &counts) < 0 ||
	    stoa__chunk_read(&c, 0, STOA__COUNTS_ROWS, counts->n, &l->scratch) < 0)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++)
		counts->n_used += counts->n[i] != 0;
	return counts->n_used ? STOA_OK : malformed("counts", err);
}

/* ---- pages ---- */

/* Position of the slot with id @id in @schema, or -1: dropped since. */
static int slot_of(const struct stoa__schema *schema, uint32_t id)
{
	for (uint32_t i = 0; i < schema->n_slots; i++)
		if (schema->slots[i].id == id)
			return (int)i;
	return -1;
}

/* Opens the image of @n_rows rows of a slot. */
static int open_rows(struct loader *l, const struct stoa__slot *slot, struct stoa__reader *r,
		     uint32_t n_rows, struct stoa__chunk *c, struct stoa_error *err)
{
	STOA_TRY(open_image(l, r, c, "rows", err));
	if (c->type != slot->def.type || c->encoding == STOA__ENC_DICT_ID || c->n_rows != n_rows)
		return malformed("rows", err);
	return STOA_OK;
}

/* Puts rows [@from, @from + @n) of an image into a page. */
static int fill_page(struct loader *l, const struct stoa__chunk *c, uint32_t from, uint32_t n,
		     struct stoa__page *page, struct stoa_error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		struct stoa__element e;
		struct stoa_value v;
		int rc;

		stoa__buf_reset(&l->scratch);
		rc = stoa__chunk_value(c, from + i, &l->scratch, &v);
		if (rc == STOA_OK)
			rc = stoa__element_make(&l->db->symbols, page->type, &v, NULL, &e);
		if (rc < 0)
			return rc == STOA_ENOMEM ? stoa__fail_memory(err) : malformed("rows", err);
		stoa__page_put(page, i, &e);
	}
	page->n_rows = (uint16_t)n;
	return STOA_OK;
}

static int load_overlay(struct loader *l, struct stoa__table *t, struct stoa__group *g,
			uint32_t slot_id, uint32_t at, struct stoa__reader *r,
			struct stoa_error *err)
{
	int slot = slot_of(t->schema, slot_id);
	uint32_t from = at * STOA__PAGE_ROWS, rows = stoa__group_rows(t, g), n_rows;
	struct stoa__page *page;
	struct stoa__chunk c;

	if (slot < 0)
		return STOA_OK;
	n_rows = stoa__read_u32(r);
	if (r->bad || at >= STOA__PAGES || from >= rows || !n_rows || n_rows > rows - from ||
	    n_rows > STOA__PAGE_ROWS)
		return malformed("changed rows", err);
	if (stoa__group_new_page(l->w, t, g, (uint32_t)slot, at, &page) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(open_rows(l, &t->schema->slots[slot], r, n_rows, &c, err));
	return fill_page(l, &c, 0, n_rows, page, err);
}

/* A run of a slot's pages, from page @at on. */
static int load_tail(struct loader *l, struct stoa__table *t, uint32_t slot_id, uint32_t at,
		     struct stoa__reader *r, struct stoa_error *err)
{
	int slot = slot_of(t->schema, slot_id);
	uint32_t from = at * STOA__PAGE_ROWS, run, n_rows;
	struct stoa__chunk c;

	if (slot < 0 || !t->tail || at >= STOA__PAGES || from >= t->tail_rows)
		return malformed("new rows", err);
	run = stoa__tail_run(t->schema->slots[slot].def.type);
	n_rows = t->tail_rows - from;
	if (n_rows > run * STOA__PAGE_ROWS)
		n_rows = run * STOA__PAGE_ROWS;
	if (at % run)
		return malformed("new rows", err);
	STOA_TRY(open_rows(l, &t->schema->slots[slot], r, n_rows, &c, err));
	for (uint32_t p = 0; p < at; p++)
		if (!stoa__tail_page(l->w, t->tail->tail, t->schema, p, (uint32_t)slot))
			return stoa__fail_memory(err);
	for (uint32_t row = 0; row < n_rows; row += STOA__PAGE_ROWS) {
		uint32_t n = n_rows - row < STOA__PAGE_ROWS ? n_rows - row : STOA__PAGE_ROWS;
		struct stoa__page *page = stoa__tail_page(l->w, t->tail->tail, t->schema,
							  at + row / STOA__PAGE_ROWS, (uint32_t)slot);

		if (!page)
			return stoa__fail_memory(err);
		STOA_TRY(fill_page(l, &c, row, n, page, err));
	}
	return STOA_OK;
}

static int check_group(void *ctx, uint64_t first, void *value)
{
	(void)first;
	return stoa__group_n_existing(NULL, value) ? STOA_OK : malformed("deleted rows", ctx);
}

/* A strong reference keeps its target's table. */
static int check_targets(const struct stoa__version *v, const struct stoa__schema *s,
			 struct stoa_error *err)
{
	for (uint32_t i = 0; i < s->n_slots && s->n_refs; i++)
		if (s->slots[i].def.type == STOA_REF &&
		    !stoa__table_find(v, s->slots[i].def.target))
			return malformed("a table", err);
	return STOA_OK;
}

struct checks {
	const struct stoa__version *w;
	struct stoa_error *err;
};

/*
 * Every page of a tail must have come: one that is missing was never filled. Every group must have
 * a row.
 */
static int check_table(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;
	const struct checks *c = ctx;

	(void)id;
	for (uint32_t p = 0; t->tail && p * STOA__PAGE_ROWS < t->tail_rows; p++)
		for (uint32_t i = 0; i < t->schema->n_slots; i++)
			if (!t->tail->tail->rows[p] || !t->tail->tail->rows[p][i] ||
			    !t->tail->tail->rows[p][i]->n_rows)
				return malformed("new rows", c->err);
	STOA_TRY(check_targets(c->w, t->schema, c->err));
	return stoa__tree_walk(t->groups, 0, check_group, c->err);
}

/* Every table of the version is the working version's own: it was made just now. */
static int load_indexes(void *ctx, uint64_t id, void *value)
{
	struct loader *l = ctx;

	(void)id;
	return stoa__indexes_loaded(l->w, value, l->err);
}

/* ---- the walk ---- */

/* Length of the keys of each tag. */
static size_t key_len(uint8_t tag)
{
	static const uint8_t lens[] = {
		[STOA__REC_DATABASE] = 1, [STOA__REC_FILE] = 1 + 8,
		[STOA__REC_TABLE] = 1 + 4, [STOA__REC_GROUP] = 1 + 4 + 8,
		[STOA__REC_LIVE] = 1 + 4 + 8 + 1, [STOA__REC_OVERLAY] = 1 + 4 + 8 + 4 + 1,
		[STOA__REC_TAIL] = 1 + 4 + 4 + 1, [STOA__REC_KEPT] = 1 + 4 + 8 + 1,
		[STOA__REC_COUNTS] = 1 + 4 + 8,
	};

	return tag < sizeof lens ? lens[tag] : 0;
}

static struct stoa__segment *restored_file(const struct stoa__restorer *r, uint64_t number)
{
	return find_file(r->ctx, number);
}

/* Keys of an index's records are as long as its kind likes. */
static bool of_index(uint8_t tag)
{
	return tag >= STOA__REC_SET;
}

static int load_of_table(struct loader *l, const uint8_t *key, size_t len,
			 struct stoa__reader *r, struct stoa_error *err)
{
	uint32_t id = (uint32_t)stoa__key_number(key + 1, 4);
	struct stoa__table *t = stoa__table_find(l->w, id);
	uint64_t first;
	struct stoa__group *g;

	if (key[0] == STOA__REC_TABLE)
		return load_table(l, id, r, err);
	if (!t)
		return malformed("rows", err);
	if (of_index(key[0]))
		return stoa__indexes_load(&(struct stoa__restorer){ l->w, restored_file, l, err }, t,
					  key, len, r);
	if (key[0] == STOA__REC_TAIL)
		return load_tail(l, t, (uint32_t)stoa__key_number(key + 5, 4), key[9], r, err);
	first = stoa__key_number(key + 5, 8);
	if (key[0] == STOA__REC_GROUP)
		return load_group(l, t, first, r, err);
	if (key[0] == STOA__REC_COUNTS)
		return load_counts(l, t, first, r, err);
	g = find_group(t, first);
	if (!g)
		return malformed("rows", err);
	if (key[0] == STOA__REC_LIVE)
		return load_live(l, t, g, key[13], r, err);
	if (key[0] == STOA__REC_KEPT)
		return load_kept(l, t, g, key[13], r, err);
	return load_overlay(l, t, g, (uint32_t)stoa__key_number(key + 13, 4), key[17], r, err);
}

/* ---- what is damaged left out ---- */

/* Says what is lost with a record that cannot be taken. */
static void lose_record(struct loader *l, const uint8_t *key, size_t len, const uint8_t *value,
			size_t value_len, const char *why)
{
	struct stoa__reader r = stoa__reader_of(value, value_len);
	uint64_t first = 0, last = 0;
	const struct stoa__table *t = NULL;

	if (len >= 5 && key[0] >= STOA__REC_TABLE)
		t = stoa__table_find(l->w, (uint32_t)stoa__key_number(key + 1, 4));
	if (key[0] == STOA__REC_GROUP && len == key_len(key[0])) {
		(void)stoa__read_run(&r, 8 + 4 + 4);
		first = stoa__key_number(key + 5, 8);
		last = stoa__read_u64(&r);
	}
	l->lost(l->lost_ctx, t, first, r.bad ? first : last, why);
}

static bool hangs_on_group(uint8_t tag)
{
	return tag == STOA__REC_LIVE || tag == STOA__REC_OVERLAY || tag == STOA__REC_KEPT;
}

/* Is it of a table or group that is lost? That was said already. */
static bool is_moot(const struct loader *l, const uint8_t *key, size_t len)
{
	const struct stoa__table *t;

	if (len < 5 || key[0] <= STOA__REC_TABLE)
		return false;
	t = stoa__table_find(l->w, (uint32_t)stoa__key_number(key + 1, 4));
	return !t || (hangs_on_group(key[0]) && len >= 13 &&
		      !find_group(t, stoa__key_number(key + 5, 8)));
}

static int load_any(void *ctx, const uint8_t *key, size_t len, const uint8_t *value,
		    size_t value_len, struct stoa_error *err);

static int load_or_lose(void *ctx, const uint8_t *key, size_t len, const uint8_t *value,
			size_t value_len, struct stoa_error *err)
{
	struct loader *l = ctx;
	struct stoa_error why = { 0 };
	int rc;

	if (!l->lost)
		return load_any(ctx, key, len, value, value_len, err);
	if (len && is_moot(l, key, len))
		return STOA_OK;
	rc = load_any(ctx, key, len, value, value_len, &why);
	if (len && key[0] == STOA__REC_DATABASE)
		l->w->next_table = UINT32_MAX;	/* it may be wrong, or missing */
	if (rc == STOA_ECORRUPT && len && key[0] == STOA__REC_SET)
		return STOA_OK;	/* it is made anew from the rows */
	if (rc == STOA_ECORRUPT) {
		lose_record(l, key, len, value, value_len, why.text);
		return STOA_OK;
	}
	if (rc < 0 && err)
		*err = why;
	return rc;
}

/* A tail of which a page is missing is lost as a whole. */
static int lose_tail(void *ctx, uint64_t id, void *value)
{
	struct loader *l = ctx;
	struct stoa__table *t = value;

	(void)id;
	if (check_table(&(struct checks){ l->w, NULL }, id, t) == STOA_OK || !t->tail)
		return STOA_OK;
	l->lost(l->lost_ctx, t, t->tail->tail->first, t->next_rowid - 1,
		"the newest rows are not all there");
	t->n_rows -= t->tail_rows - t->tail->n_dead;
	t->n_kept -= t->tail->n_kept;
	stoa__group_retire(l->w, t->tail);
	t->tail = NULL;
	t->tail_rows = 0;
	return STOA_OK;
}

int stoa__load_what_is_left(struct stoa_db *db, struct stoa__version *w, stoa__lost *lost, void *ctx,
			    struct stoa__log_position *log, struct stoa_error *err)
{
	struct loader l = { .db = db, .w = w, .err = err, .lost = lost, .lost_ctx = ctx, .commit = 1 };
	int rc;

	w->next_table = UINT32_MAX;
	rc = stoa__catalog_load(db->catalog, load_or_lose, &l, err);
	if (rc == STOA_END) {
		lost(ctx, NULL, 0, 0, "catalog.mdb: records of it are damaged");
		rc = STOA_OK;
	}
	if (rc == STOA_OK)
		rc = stoa__tree_walk(w->tables, 0, lose_tail, &l);
	loader_release(&l);
	*log = l.log;
	return rc;
}

static int load_any(void *ctx, const uint8_t *key, size_t len, const uint8_t *value,
		       size_t value_len, struct stoa_error *err)
{
	struct loader *l = ctx;
	struct stoa__reader r = stoa__reader_of(value, value_len);

	if (!len || (!of_index(key[0]) && len != key_len(key[0])) || (len < 9 && of_index(key[0])) ||
	    (key[0] != STOA__REC_DATABASE && !l->commit))
		return stoa__fail_corrupt(err, "catalog.mdb", 0, "a record has an unknown key");
	if (key[0] == STOA__REC_DATABASE)
		return load_database(l, &r, err);
	if (key[0] == STOA__REC_FILE)
		return load_file(l, stoa__key_number(key + 1, 8), &r, err);
	return load_of_table(l, key, len, &r, err);
}

int stoa__load(struct stoa_db *db, struct stoa__version *w, struct stoa__log_position *log,
	       uint64_t *commit, struct stoa_error *err)
{
	struct loader l = { .db = db, .w = w, .err = err };
	int rc = stoa__catalog_load(db->catalog, load_any, &l, err);

	if (rc == STOA_OK && !l.commit)
		rc = stoa__fail_corrupt(err, "catalog.mdb", 0,
					"it holds no database: it was never finished");
	if (rc == STOA_OK)
		rc = stoa__tree_walk(w->tables, 0, check_table, &(struct checks){ w, err });
	if (rc == STOA_OK)
		rc = stoa__tree_walk(w->tables, 0, load_indexes, &l);
	loader_release(&l);
	*log = l.log;
	*commit = l.commit;
	return rc;
}
