/* SPDX-License-Identifier: MIT */
/* compact.c - see compact.h */
#include "compact.h"

#include <string.h>

#include "core/alloc.h"

/* A group as it was read, and which of its rows went on. */
struct old_group {
	struct stoa__group *group;
	uint16_t *rows;
	uint32_t n;
};

/* A group that is to come: rows of old groups, and where they lie now. */
struct new_group {
	struct stoa__part *parts;
	size_t n_parts;
	struct stoa__base_info info;
	struct stoa__images images;	/* in heap; of one in a file only until it is written */
	uint32_t index;			/* in the file */
};

struct run {
	uint32_t table;
	struct old_group *olds;
	size_t n_olds;
	struct new_group *news;
	size_t n_news;
	struct stoa__run_counts counts;
};

struct stoa__rewrite {
	struct stoa_db *db;
	struct stoa__version *version;
	struct stoa__gatherer *gatherer;
	struct run *runs;
	size_t n_runs;
	uint64_t bytes;
	/* the file, of a database that has some */
	struct stoa__segment_writer *writer;
	uint64_t file;
	bool has_file;
	uint64_t stamp;		/* of the last version in which something of it was installed, or 0 */
	struct stoa__segment *segment;	/* when it is finished */
};

int stoa__rewrite_new(struct stoa_db *db, struct stoa__version *v, bool cold,
		      struct stoa__rewrite **out, struct stoa_error *err)
{
	struct stoa__rewrite *r = stoa__calloc(1, sizeof *r);

	*out = NULL;
	if (!r)
		return stoa__fail_memory(err);
	if (stoa__gatherer_new(cold, &r->gatherer) < 0) {
		stoa__free(r);
		return stoa__fail_memory(err);
	}
	r->db = db;
	r->version = v;
	stoa__version_hold_quietly(v);
	*out = r;
	return STOA_OK;
}

static void run_release(struct run *run)
{
	for (size_t i = 0; i < run->n_olds; i++)
		stoa__free(run->olds[i].rows);
	for (size_t i = 0; i < run->n_news; i++) {
		stoa__free(run->news[i].parts);
		stoa__images_release(&run->news[i].images);
	}
	stoa__free(run->olds);
	stoa__free(run->news);
}

void stoa__rewrite_free(struct stoa__rewrite *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_runs; i++)
		run_release(&r->runs[i]);
	stoa__free(r->runs);
	stoa__segment_discard(r->writer);
	stoa__segment_unref(r->segment);
	if (r->has_file && r->stamp)
		stoa__gc_note_file(r->db, r->file, r->stamp);
	else if (r->has_file)
		(void)stoa__segment_unlink(&r->db->dir, r->file, NULL);
	stoa__gatherer_free(r->gatherer);
	stoa__version_drop_quietly(r->version);
	stoa__free(r);
}

uint64_t stoa__rewrite_bytes(const struct stoa__rewrite *r)
{
	return r->bytes;
}

size_t stoa__rewrite_n_runs(const struct stoa__rewrite *r)
{
	return r->n_runs;
}

struct stoa__run_counts stoa__rewrite_counts(const struct stoa__rewrite *r, size_t i)
{
	return r->runs[i].counts;
}

/* ---- reading ---- */

static int list_rows(struct old_group *o, struct stoa_error *err)
{
	const struct stoa__group *g = o->group;

	o->rows = stoa__alloc(stoa__group_n_existing(NULL, g) * sizeof *o->rows + 1);
	if (!o->rows)
		return stoa__fail_memory(err);
	for (uint32_t row = 0; row < g->n_rows; row++)
		if (stoa__group_exists(g, row))
			o->rows[o->n++] = (uint16_t)row;
	return STOA_OK;
}

static void add_bytes(void *ctx, uint32_t slot, uint64_t len)
{
	(void)slot;
	*(uint64_t *)ctx += len;
}

/* A group that cannot say is one whose rows cannot be read: then that is the error. */
static uint64_t bytes_of(struct stoa__base *base)
{
	uint64_t bytes = 0;

	(void)stoa__base_each_image(base, add_bytes, &bytes, NULL);
	return bytes;
}

/*
 * How many groups the rows of a run make: as few as rows and bytes allow, and then alike, as a last one with what
 * is left over would be the next to be rewritten.
 */
static size_t n_groups_for(const struct run *run, uint64_t n_rows)
{
	uint64_t n = (n_rows + STOA__GROUP_ROWS - 1) / STOA__GROUP_ROWS, bytes = 0;

	for (size_t i = 0; i < run->n_olds; i++)
		bytes += bytes_of(run->olds[i].group->base) * run->olds[i].n /
			 run->olds[i].group->n_rows;
	if (n < bytes / STOA__GROUP_BYTES_MAX + 1)
		n = bytes / STOA__GROUP_BYTES_MAX + 1;
	return n < n_rows ? n : n_rows;
}

/* The rows [*@used of old group *@at, ...), @n_rows of them, as the parts of @ng. */
static int cut(const struct run *run, size_t *at, uint32_t *used, uint32_t n_rows,
	       struct new_group *ng, struct stoa_error *err)
{
	ng->parts = stoa__calloc(run->n_olds, sizeof *ng->parts);
	if (!ng->parts)
		return stoa__fail_memory(err);
	for (uint32_t done = 0; done < n_rows;) {
		const struct old_group *o = &run->olds[*at];
		uint32_t n = o->n - *used < n_rows - done ? o->n - *used : n_rows - done;

		if (n)
			ng->parts[ng->n_parts++] =
				(struct stoa__part){ o->group, o->rows + *used, n, done };
		done += n;
		*used += n;
		if (*used == o->n) {
			*used = 0;
			++*at;
		}
	}
	ng->info.n_rows = n_rows;
	return STOA_OK;
}

/* The rowids of a new group's rows; the caller frees them. */
static int find_rowids(const struct new_group *ng, uint64_t **out, struct stoa_error *err)
{
	uint64_t *rowids = stoa__alloc(ng->info.n_rows * sizeof *rowids);
	uint64_t *old = stoa__alloc(STOA__GROUP_ROWS * sizeof *old);
	int rc = rowids && old ? STOA_OK : stoa__fail_memory(err);

	for (size_t i = 0; i < ng->n_parts && rc == STOA_OK; i++) {
		const struct stoa__part *p = &ng->parts[i];
		uint32_t from = p->rows[0];

		rc = stoa__group_rowids(p->group, from, p->rows[p->n - 1] - from + 1u, old, err);
		for (uint32_t k = 0; k < p->n && rc == STOA_OK; k++)
			rowids[p->at + k] = old[p->rows[k] - from];
	}
	stoa__free(old);
	if (rc < 0) {
		stoa__free(rowids);
		rowids = NULL;
	}
	*out = rowids;
	return rc;
}

static int open_writer(struct stoa__rewrite *r, struct stoa_error *err)
{
	struct stoa_db *db = r->db;

	if (r->writer)
		return STOA_OK;
	r->file = atomic_fetch_add(&db->next_file, 1);
	STOA_TRY(stoa__segment_create(&db->dir, r->file, stoa__catalog_uuid(db->catalog),
				      &r->writer, err));
	r->has_file = true;
	return STOA_OK;
}

/* Writes the images to the file, and keeps their memory for the next group's. */
static int write_group(struct stoa__rewrite *r, struct new_group *ng, struct stoa_error *err)
{
	STOA_TRY(open_writer(r, err));
	STOA_TRY(stoa__segment_add_group(r->writer, ng->info.n_rows, &ng->index, err));
	for (uint32_t i = 0; i < ng->images.n; i++) {
		const struct stoa__image *image = &ng->images.image[i];

		STOA_TRY(stoa__segment_add_chunk(r->writer, image->slot,
						 ng->images.bytes.p + image->offset, image->len,
						 err));
	}
	return STOA_OK;
}

static int make_group(struct stoa__rewrite *r, const struct stoa__schema *schema,
		      struct new_group *ng, struct stoa_error *err)
{
	uint64_t *rowids;
	int rc = find_rowids(ng, &rowids, err);

	if (rc < 0)
		return rc;
	ng->info.first = rowids[0];
	ng->info.last = rowids[ng->info.n_rows - 1];
	ng->info.n_columns = schema->next_slot;
	if (stoa__images_init(&ng->images, schema->n_slots) < 0)
		rc = stoa__fail_memory(err);
	if (rc == STOA_OK)
		rc = stoa__gather(r->gatherer, schema, ng->parts, ng->n_parts, ng->info.n_rows,
				  rowids, &ng->images, err);
	r->bytes += ng->images.bytes.len;
	if (rc == STOA_OK && r->db->path) {
		rc = write_group(r, ng, err);
		stoa__images_release(&ng->images);
	} else if (rc == STOA_OK) {
		stoa__images_fit(&ng->images);
	}
	stoa__free(rowids);
	return rc;
}

static uint8_t next_generation(const struct run *run)
{
	uint8_t oldest = 0;

	for (size_t i = 0; i < run->n_olds; i++)
		if (run->olds[i].group->base->generation > oldest)
			oldest = run->olds[i].group->base->generation;
	return oldest + 1 < STOA__GENERATIONS ? (uint8_t)(oldest + 1) : STOA__GENERATIONS - 1;
}

/* Reads and encodes what @run->olds has. */
static int fill_run(struct stoa__rewrite *r, const struct stoa__schema *schema, struct run *run,
		    struct stoa_error *err)
{
	uint64_t n_rows = 0, n_stored = 0, bytes = 0, made = r->bytes, left;
	size_t n_news, at = 0;
	uint32_t used = 0;

	for (size_t i = 0; i < run->n_olds; i++) {
		STOA_TRY(list_rows(&run->olds[i], err));
		n_rows += run->olds[i].n;
		n_stored += run->olds[i].group->n_rows;
		bytes += bytes_of(run->olds[i].group->base);
	}
	n_news = n_groups_for(run, n_rows);
	run->news = stoa__calloc(n_news + 1, sizeof *run->news);
	if (!run->news)
		return stoa__fail_memory(err);
	left = n_rows;
	for (; run->n_news < n_news; run->n_news++) {
		uint64_t n_left = n_news - run->n_news;
		uint32_t n = (uint32_t)((left + n_left - 1) / n_left);
		struct new_group *ng = &run->news[run->n_news];
		int rc = atomic_load(&r->db->gc.cancel) ?
				 stoa__fail(err, STOA_ECANCELED, "the database is being closed") :
				 cut(run, &at, &used, n, ng, err);

		ng->info.generation = next_generation(run);
		if (rc == STOA_OK)
			rc = make_group(r, schema, ng, err);
		if (rc < 0) {
			run->n_news++;	/* what there is of it is to be released */
			return rc;
		}
		left -= n;
	}
	run->counts = (struct stoa__run_counts){ n_rows, n_stored - n_rows, bytes,
						 r->bytes - made, (uint32_t)run->n_olds,
						 (uint32_t)run->n_news };
	return STOA_OK;
}

int stoa__rewrite_run(struct stoa__rewrite *r, const struct stoa__table *table,
		      struct stoa__group *const *groups, size_t n, struct stoa_error *err)
{
	struct run *runs = stoa__realloc_array(r->runs, r->n_runs + 1, sizeof *runs);
	struct run run = { .table = table->id };
	int rc;

	if (!runs)
		return stoa__fail_memory(err);
	r->runs = runs;
	run.olds = stoa__calloc(n, sizeof *run.olds);
	if (!run.olds)
		return stoa__fail_memory(err);
	run.n_olds = n;
	for (size_t i = 0; i < n; i++)
		run.olds[i].group = groups[i];
	rc = fill_run(r, table->schema, &run, err);
	if (rc < 0)
		run_release(&run);
	else
		r->runs[r->n_runs++] = run;
	return rc;
}

int stoa__rewrite_finish(struct stoa__rewrite *r, struct stoa_error *err)
{
	struct stoa__segment_writer *writer = r->writer;
	struct stoa_db *db = r->db;
	uint64_t len, root;

	if (!writer)
		return STOA_OK;
	r->writer = NULL;
	STOA_TRY(stoa__segment_finish(writer, &len, &root, err));
	return stoa__segment_open(&db->dir, r->file, stoa__catalog_uuid(db->catalog), len, root,
				  &r->segment, err);
}

/* ---- installing ---- */

/* What an install works on. */
struct install {
	struct stoa__version *w;
	struct stoa__table *t;
	uint32_t n_patches;	/* pages of overlays copied so far */
	struct stoa_error *err;
};

/* Does the head's group have the rows of the one that was read? It can have no others: see compact.h. */
static bool same_rows(const struct stoa__group *read, const struct stoa__group *now)
{
	return now->n_rows == read->n_rows && now->base->last == read->base->last;
}

static uint64_t *word_of(struct stoa__live *l, uint32_t row)
{
	return &l->words[row % STOA__LIVE_ROWS / 64];
}

/* Row @row of the new group is no member (any more): it is kept, or gone. */
static int mark(struct install *in, struct stoa__group *g, uint32_t row, bool kept)
{
	uint64_t bit = (uint64_t)1 << (row % 64);
	struct stoa__live *l;

	if (stoa__group_own_live(in->w, g, row / STOA__LIVE_ROWS, &l) < 0)
		return stoa__fail_memory(in->err);
	*word_of(l, row) &= ~bit;
	g->n_dead++;
	in->t->n_rows--;
	if (!kept)
		return STOA_OK;
	if (stoa__group_own_kept(in->w, g, row / STOA__LIVE_ROWS, &l) < 0)
		return stoa__fail_memory(in->err);
	*word_of(l, row) |= bit;
	g->n_kept++;
	in->t->n_kept++;
	return STOA_OK;
}

/* The first of the part's rows that is @row or a later one. */
static uint32_t seek(const struct stoa__part *p, uint32_t row)
{
	uint32_t lo = 0, n = p->n;

	while (n) {
		uint32_t half = n / 2;

		if (p->rows[lo + half] < row) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

static uint64_t bits(const struct stoa__live *l, uint32_t word, uint64_t none)
{
	return l ? l->words[word] : none;
}

/* Of the 64 rows from @row on, those that went into the new group and are no members in @now. */
static uint64_t changed(const struct stoa__group *read, const struct stoa__group *now, uint32_t row)
{
	uint32_t block = row / STOA__LIVE_ROWS, word = row % STOA__LIVE_ROWS / 64;
	uint64_t went = bits(read->live[block], word, UINT64_MAX) |
			bits(read->kept[block], word, 0);

	return now ? went & ~bits(now->live[block], word, UINT64_MAX) : went;
}

/* Marks the rows @rows, a bit for each of 64 from row @from of the old group on, that are in the part. */
static int mark_word(struct install *in, const struct stoa__part *p, const struct stoa__group *now,
		     uint32_t from, uint64_t rows, struct stoa__group *g)
{
	for (; rows; rows &= rows - 1) {
		uint32_t row = from + (uint32_t)__builtin_ctzll(rows), i = seek(p, row);

		if (i < p->n && p->rows[i] == row)
			STOA_TRY(mark(in, g, p->at + i, now && stoa__group_kept(now, row)));
	}
	return STOA_OK;
}

/* Marks what of @p is no member in group @now (NULL: nothing of it is there). */
static int mark_part(struct install *in, const struct stoa__part *p, const struct stoa__group *now,
		     struct stoa__group *g)
{
	for (uint32_t row = p->rows[0] / 64 * 64; row <= p->rows[p->n - 1]; row += 64) {
		uint32_t block = row / STOA__LIVE_ROWS;

		if (row % STOA__LIVE_ROWS == 0 && now && !p->group->kept[block] &&
		    p->group->live[block] == now->live[block])
			row += STOA__LIVE_ROWS - 64;
		else
			STOA_TRY(mark_word(in, p, now, row, changed(p->group, now, row), g));
	}
	return STOA_OK;
}

/* Copies a changed page, number @at of the slot at position @slot, into an overlay of the new group. */
static int patch_page(struct install *in, const struct stoa__part *p, uint32_t slot, uint32_t at,
		      const struct stoa__page *from, struct stoa__group *g)
{
	uint32_t end = at * STOA__PAGE_ROWS + from->n_rows;
	struct stoa__page *to = NULL;

	if (++in->n_patches > STOA__PATCH_PAGES)
		return STOA_ESTATE;
	for (uint32_t i = seek(p, at * STOA__PAGE_ROWS); i < p->n && p->rows[i] < end; i++) {
		uint32_t row = p->at + i;
		struct stoa__element e;
		struct stoa_value v;

		if (!to || row % STOA__PAGE_ROWS == 0)
			STOA_TRY(stoa__group_own_page(in->w, in->t, g, slot, row, &to, in->err));
		stoa__page_value(from, p->rows[i] % STOA__PAGE_ROWS, &v);
		if (stoa__element_make(in->w->history->symbols, from->type, &v, &e) < 0)
			return stoa__fail_memory(in->err);
		stoa__page_put(to, row % STOA__PAGE_ROWS, &e);
	}
	return STOA_OK;
}

static int patch_slot(struct install *in, const struct stoa__part *p, uint32_t slot,
		      const struct stoa__pages *now, struct stoa__group *g)
{
	const struct stoa__pages *read =
		stoa__group_pages(p->group, in->t->schema->slots[slot].id);
	uint32_t last = p->rows[p->n - 1] / STOA__PAGE_ROWS;

	if (now == read)
		return STOA_OK;
	for (uint32_t i = p->rows[0] / STOA__PAGE_ROWS; i <= last; i++)
		if (now->page[i] && now->page[i] != (read ? read->page[i] : NULL))
			STOA_TRY(patch_page(in, p, slot, i, now->page[i], g));
	return STOA_OK;
}

/* Does to the rows of the new group what was done to those of the part since. */
static int follow(struct install *in, const struct stoa__part *p, const struct stoa__group *now,
		  struct stoa__group *g)
{
	STOA_TRY(mark_part(in, p, now, g));
	for (uint32_t i = 0; now && now->overlay != p->group->overlay && i < in->t->schema->n_slots;
	     i++) {
		const struct stoa__pages *pages =
			stoa__group_pages(now, in->t->schema->slots[i].id);

		if (pages)
			STOA_TRY(patch_slot(in, p, i, pages, g));
	}
	return STOA_OK;
}

static int add_group(struct stoa__rewrite *r, struct install *in, struct new_group *ng,
		     struct stoa__group **out)
{
	struct stoa__base *base;
	int rc;

	if (r->db->path)
		rc = stoa__base_new_mapped(in->w, &ng->info, r->segment, ng->index, &base, in->err);
	else
		rc = stoa__base_new_heap(in->w, &ng->info, &ng->images, &base, in->err);
	if (rc < 0)
		return rc;
	rc = stoa__table_add_group(in->w, in->t, base, out, in->err);
	if (rc < 0)
		stoa__block_retire(in->w, &base->block);
	return rc;
}

/* The head's group for one that was read, or NULL if none of its rows is there any more. */
static const struct stoa__group *group_now(struct stoa__group *const *now, const struct run *run,
					   const struct stoa__group *read)
{
	size_t i = 0;

	while (i < run->n_olds && run->olds[i].group != read)
		i++;
	return now[i];
}

static int put_group(struct stoa__rewrite *r, struct install *in, const struct run *run,
		     struct new_group *ng, struct stoa__group *const *now)
{
	struct stoa__group *g;

	STOA_TRY(add_group(r, in, ng, &g));
	for (size_t i = 0; i < ng->n_parts; i++)
		STOA_TRY(follow(in, &ng->parts[i], group_now(now, run, ng->parts[i].group), g));
	if (stoa__group_n_existing(in->t, g))
		return STOA_OK;
	return stoa__table_remove_group(in->w, in->t, g) < 0 ? stoa__fail_memory(in->err) : STOA_OK;
}

/*
 * The old groups go first, since a new one may have the first rowid of one of them. What they have is retired, not
 * freed: the head goes on showing it, and we read it here.
 */
static int replace(struct stoa__rewrite *r, struct install *in, struct run *run,
		   struct stoa__group **now)
{
	uint64_t n_rows = in->t->n_rows, n_kept = in->t->n_kept;

	for (size_t i = 0; i < run->n_olds; i++) {
		now[i] = stoa__tree_find(in->t->groups, run->olds[i].group->first);
		if (now[i] && !same_rows(run->olds[i].group, now[i]))
			return STOA_ESTATE;
		if (now[i] && stoa__table_remove_group(in->w, in->t, now[i]) < 0)
			return stoa__fail_memory(in->err);
	}
	for (size_t i = 0; i < run->n_news; i++)
		STOA_TRY(put_group(r, in, run, &run->news[i], now));
	/* Cheap to ask, and what it would mean is not: rows lost, or risen from the dead. */
	if (in->t->n_rows != n_rows || in->t->n_kept != n_kept)
		return stoa__fail(in->err, STOA_ECORRUPT,
				  "table \"%s\": deleted rows and live bitmaps disagree: a compaction "
				  "was given up",
				  in->t->schema->name);
	return STOA_OK;
}

int stoa__rewrite_install(struct stoa__rewrite *r, size_t i, struct stoa_error *err)
{
	struct stoa__history *h = &r->db->history;
	struct stoa__version *base = h->head;
	struct run *run = &r->runs[i];
	struct stoa__group **now = stoa__calloc(run->n_olds, sizeof *now);
	struct install in = { .err = err };
	uint64_t commit = base->commit;
	int rc;

	in.w = now ? stoa__history_begin(h) : NULL;
	if (!in.w) {
		stoa__free(now);
		return stoa__fail_memory(err);
	}
	rc = stoa__table_own(in.w, run->table, &in.t);
	if (rc == STOA_OK)
		rc = replace(r, &in, run, now);
	else
		rc = rc == STOA_ENOTFOUND ? STOA_ESTATE : stoa__fail_memory(err);
	stoa__free(now);
	if (rc < 0) {
		stoa__history_rollback(in.w, base, base);
		stoa__history_end(in.w, base);
		return rc;
	}
	r->stamp = in.w->stamp;
	stoa__history_commit(in.w, base, commit, stoa__history_is_published(h, commit));
	return STOA_OK;
}
