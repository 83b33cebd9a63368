/* SPDX-License-Identifier: MIT */
/* compact.c - see compact.h */
#include "compact.h"

#include <string.h>

#include "../storage/stream.h"
#include "core/alloc.h"
#include "follow.h"

#define HALF_ROWS (STOA__GROUP_ROWS * 15 / 32)	/* what has lost half of its rows by chance has them */

/* A group as it was read, and which of its rows went on. */
struct old_group {
	struct stoa__group *group;
	struct stoa__group *then;	/* as the last rehearsal found it; NULL: nothing of it was there */
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
	struct stoa__group *group;	/* from the first rehearsal on */
};

struct run {
	uint32_t table;
	struct old_group *olds;
	size_t n_olds;
	struct new_group *news;
	size_t n_news;
	bool cold;
	struct stoa__run_counts counts;
	struct stoa__version *version;	/* of the last rehearsal */
	struct stoa__version apart;	/* the new groups' blocks, until they are installed */
	bool is_apart, is_lost;
};

struct stoa__rewrite {
	struct stoa_db *db;
	struct stoa__version *version;
	struct stoa__gatherer *gatherer;
	struct run *runs;
	size_t n_runs;
	uint64_t bytes;
	/* the file, of a database that has some */
	struct stoa__stream *stream;
	struct stoa__segment_writer *writer;
	uint64_t file;
	bool has_file;
	uint64_t stamp;		/* of the last version in which something of it was installed, or 0 */
	struct stoa__segment *segment;	/* when it is finished */
};

int stoa__rewrite_new(struct stoa_db *db, struct stoa__version *v, struct stoa__rewrite **out,
		      struct stoa_error *err)
{
	struct stoa__rewrite *r = stoa__calloc(1, sizeof *r);

	*out = NULL;
	if (!r)
		return stoa__fail_memory(err);
	if (stoa__gatherer_new(&r->gatherer) < 0) {
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
	if (run->is_apart)
		stoa__version_discard(&run->apart);
	if (run->version)
		stoa__version_drop_quietly(run->version);
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
	stoa__stream_free(r->stream);
	stoa__segment_unref(r->segment);
	if (r->has_file && !r->stamp)
		(void)stoa__segment_unlink(&r->db->dir, r->file, NULL);
	if (r->has_file)
		stoa__gc_file_done(r->db, r->file, r->stamp);
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
 * The old groups [@from, ...) that are merged, and *@n_rows, theirs: as many as it takes to have
 * HALF_ROWS, and a rest that has not. Not as many as fill a group: numbers that ascend with rowids,
 * as most keys do, take 16 bits in a group that reaches over 65,536 of them, and 24 in one that
 * reaches further. Half of the rows of a narrow table deleted left 0.57 of its segments, and now
 * 0.52.
 */
static size_t end_of_merge(const struct run *run, size_t from, uint64_t *n_rows)
{
	uint64_t rest = 0;
	size_t end = from;

	for (*n_rows = 0; end < run->n_olds && *n_rows < HALF_ROWS; end++)
		*n_rows += run->olds[end].n;
	for (size_t i = end; i < run->n_olds && rest < HALF_ROWS; i++)
		rest += run->olds[i].n;
	if (rest >= HALF_ROWS)
		return end;
	*n_rows += rest;
	return run->n_olds;
}

/*
 * How many groups the rows of old groups [@from, @end) make: as few as rows and bytes allow, and
 * then alike, as a last one with what is left over would be the next to be rewritten.
 */
static size_t n_groups_for(const struct run *run, size_t from, size_t end, uint64_t n_rows)
{
	uint64_t n = (n_rows + STOA__GROUP_ROWS - 1) / STOA__GROUP_ROWS, bytes = 0;

	for (size_t i = from; i < end; i++)
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
	if (stoa__gc_note_file(db, r->file) < 0)
		return stoa__fail_memory(err);
	r->has_file = true;
	r->stream = stoa__stream_new(0);
	if (!r->stream)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__segment_create_streamed(&db->dir, r->file,
					       stoa__catalog_uuid(db->catalog), r->stream,
					       &r->writer, err));
	stoa__segment_unhurry(r->writer);
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
				  rowids, ng->info.cold, &ng->images, err);
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

/* Reads and encodes @n rows, from row *@used of old group *@at on, as one new group. */
static int fill_group(struct stoa__rewrite *r, const struct stoa__schema *schema, struct run *run,
		      size_t *at, uint32_t *used, uint32_t n, struct stoa_error *err)
{
	/* Counted at once: what there is of it is to be released, whatever happens. */
	struct new_group *ng = &run->news[run->n_news++];

	if (atomic_load(&r->db->gc.cancel))
		return stoa__fail(err, STOA_ECANCELED, "the database is being closed");
	ng->info.generation = next_generation(run);
	ng->info.cold = run->cold;
	STOA_TRY(cut(run, at, used, n, ng, err));
	return make_group(r, schema, ng, err);
}

/* The same of old groups [@from, @end), @n_rows in all. */
static int fill_groups(struct stoa__rewrite *r, const struct stoa__schema *schema, struct run *run,
		       size_t from, size_t end, uint64_t n_rows, struct stoa_error *err)
{
	size_t n = n_groups_for(run, from, end, n_rows), at = from;
	struct new_group *news = stoa__realloc_array(run->news, run->n_news + n + 1, sizeof *news);
	uint32_t used = 0;

	if (!news)
		return stoa__fail_memory(err);
	memset(news + run->n_news, 0, (n + 1) * sizeof *news);
	run->news = news;
	for (; n; n--) {
		uint32_t some = (uint32_t)((n_rows + n - 1) / n);

		STOA_TRY(fill_group(r, schema, run, &at, &used, some, err));
		n_rows -= some;
	}
	return STOA_OK;
}

/* Reads and encodes what @run->olds has. */
static int fill_run(struct stoa__rewrite *r, const struct stoa__schema *schema, struct run *run,
		    struct stoa_error *err)
{
	struct stoa__run_counts *c = &run->counts;
	uint64_t made = r->bytes, n_rows;

	for (size_t i = 0; i < run->n_olds; i++) {
		STOA_TRY(list_rows(&run->olds[i], err));
		c->rows_moved += run->olds[i].n;
		c->rows_dropped += run->olds[i].group->n_rows - run->olds[i].n;
		c->bytes_read += bytes_of(run->olds[i].group->base);
	}
	for (size_t from = 0, end; from < run->n_olds; from = end) {
		end = end_of_merge(run, from, &n_rows);
		STOA_TRY(fill_groups(r, schema, run, from, end, n_rows, err));
	}
	c->bytes_made = r->bytes - made;
	c->groups_read = (uint32_t)run->n_olds;
	c->groups_made = (uint32_t)run->n_news;
	return STOA_OK;
}

int stoa__rewrite_run(struct stoa__rewrite *r, const struct stoa__table *table,
		      struct stoa__group *const *groups, size_t n, bool cold,
		      struct stoa_error *err)
{
	struct run *runs = stoa__realloc_array(r->runs, r->n_runs + 1, sizeof *runs);
	struct run run = { .table = table->id, .cold = cold };
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
	int rc;

	if (!writer)
		return STOA_OK;
	r->writer = NULL;
	rc = stoa__segment_finish(writer, &len, &root, err);
	stoa__stream_free(r->stream);
	r->stream = NULL;
	if (rc < 0)
		return rc;
	return stoa__segment_open(&db->dir, r->file, stoa__catalog_uuid(db->catalog), len, root,
				  &r->segment, err);
}

int stoa__rewrite_append(struct stoa__rewrite *r, size_t i, struct stoa__version *w,
			 struct stoa_error *err)
{
	struct run *run = &r->runs[i];
	struct stoa__table *t;
	int rc = stoa__table_own(w, run->table, &t);

	for (size_t k = 0; k < run->n_news && rc == STOA_OK; k++) {
		struct new_group *ng = &run->news[k];
		struct stoa__base *base;

		STOA_TRY(stoa__base_new_mapped(w, &ng->info, r->segment, ng->index, &base, err));
		rc = stoa__table_add_group(w, t, base, &ng->group, err);
		if (rc < 0)
			stoa__block_retire(w, &base->block);
	}
	return rc;
}

uint64_t stoa__rewrite_take_file(struct stoa__rewrite *r)
{
	if (!r->has_file)
		return 0;
	r->has_file = false;
	stoa__gc_file_done(r->db, r->file, 0);
	return r->file;
}

/* ---- following what writers do ---- */

static size_t number_of(const struct run *run, const struct stoa__group *read)
{
	size_t i = 0;

	while (run->olds[i].group != read)
		i++;
	return i;
}

/*
 * Brings all new groups from what the old ones were at the last rehearsal to what they are in @now,
 * one for each.
 */
static int follow_all(struct stoa__follow *f, const struct run *run, struct stoa__group *const *now)
{
	for (size_t i = 0; i < run->n_news; i++) {
		const struct new_group *ng = &run->news[i];

		for (size_t k = 0; k < ng->n_parts; k++) {
			size_t o = number_of(run, ng->parts[k].group);

			STOA_TRY(stoa__follow_part(f, &ng->parts[k], run->olds[o].then, now[o],
						   ng->group));
		}
	}
	return STOA_OK;
}

/*
 * The groups of table @t that have the rows of the old ones; NULL where none is left. STOA_ESTATE:
 * another compaction has moved some of them.
 */
static int find_groups(const struct stoa__table *t, const struct run *run, struct stoa__group **now)
{
	for (size_t i = 0; i < run->n_olds; i++) {
		const struct stoa__group *read = run->olds[i].group;
		struct stoa__group *last = stoa__tree_floor(t->groups, read->base->last);

		now[i] = stoa__tree_find(t->groups, read->first);
		if (now[i] ? now[i]->n_rows != read->n_rows ||
				     now[i]->base->last != read->base->last :
			     last && last->base->last >= read->first)
			return STOA_ESTATE;
	}
	return STOA_OK;
}

/* ---- rehearsing ---- */

static int make_new_group(struct stoa__rewrite *r, struct run *run, struct new_group *ng,
			  struct stoa_error *err)
{
	struct stoa__base *base;

	if (r->db->path)
		STOA_TRY(stoa__base_new_mapped(&run->apart, &ng->info, r->segment, ng->index, &base,
					       err));
	else
		STOA_TRY(stoa__base_new_heap(&run->apart, &ng->info, &ng->images, &base, err));
	ng->group = stoa__group_new(&run->apart, base);
	return ng->group ? STOA_OK : stoa__fail_memory(err);
}

/* The first time: new groups of what was read. */
static int make_new_groups(struct stoa__rewrite *r, struct run *run, struct stoa_error *err)
{
	stoa__version_apart(&run->apart, r->version);
	run->is_apart = true;
	for (size_t i = 0; i < run->n_news; i++)
		STOA_TRY(make_new_group(r, run, &run->news[i], err));
	for (size_t i = 0; i < run->n_olds; i++)
		run->olds[i].then = run->olds[i].group;
	return STOA_OK;
}

/*
 * Rows that were kept when they were read are changed rows, too: they existed, and are no members.
 */
static int rehearse(struct stoa__rewrite *r, struct run *run, struct stoa__version *v,
		    struct stoa__group **now, struct stoa_error *err)
{
	struct stoa__follow f = { &run->apart, stoa__table_find(v, run->table), err };

	if (!f.t)
		return STOA_ESTATE;
	if (!run->is_apart)
		STOA_TRY(make_new_groups(r, run, err));
	STOA_TRY(find_groups(f.t, run, now));
	STOA_TRY(follow_all(&f, run, now));
	for (size_t i = 0; i < run->n_olds; i++)
		run->olds[i].then = now[i];
	return STOA_OK;
}

int stoa__rewrite_rehearse(struct stoa__rewrite *r, size_t i, struct stoa_error *err)
{
	struct stoa__version *v = stoa__history_snapshot_quietly(&r->db->history);
	struct run *run = &r->runs[i];
	struct stoa__group **now = stoa__calloc(run->n_olds, sizeof *now);
	int rc = now ? STOA_OK : stoa__fail_memory(err);

	if (rc == STOA_OK)
		rc = run->is_lost ? STOA_ESTATE : rehearse(r, run, v, now, err);
	stoa__free(now);
	/* Its groups are what the next rehearsal, or the install, compares with. */
	if (run->version)
		stoa__version_drop_quietly(run->version);
	run->version = v;
	if (rc < 0) {
		if (run->is_apart)
			stoa__version_discard(&run->apart);
		run->is_apart = false;
		run->is_lost = true;
	}
	return rc;
}

/* ---- installing ---- */

static bool is_too_much(struct stoa__follow *f, const struct run *run,
			struct stoa__group *const *now)
{
	uint32_t n = 0;

	for (size_t i = 0; i < run->n_news; i++) {
		const struct new_group *ng = &run->news[i];

		for (size_t k = 0; k < ng->n_parts; k++) {
			size_t o = number_of(run, ng->parts[k].group);

			if (run->olds[o].then && now[o])
				(void)stoa__follow_pages(f, &ng->parts[k], run->olds[o].then,
							 now[o], NULL, &n);
		}
	}
	return n > STOA__PATCH_PAGES;
}

/*
 * The old groups go first, since a new one may have the first rowid of one of them. What they have
 * is retired, not freed: the head goes on showing it.
 */
static int replace(struct stoa__follow *f, struct run *run, struct stoa__group *const *now)
{
	uint64_t n_rows = f->t->n_rows, n_kept = f->t->n_kept;

	for (size_t i = 0; i < run->n_olds; i++)
		if (now[i] && stoa__table_remove_group(f->w, f->t, now[i]) < 0)
			return stoa__fail_memory(f->err);
	for (size_t i = 0; i < run->n_news; i++) {
		struct stoa__group *g = run->news[i].group;

		if (!stoa__group_n_existing(f->t, g))
			stoa__group_retire(f->w, g);
		else if (stoa__table_put_group(f->w, f->t, g) < 0)
			return stoa__fail_memory(f->err);
	}
	/* Cheap to ask, and what it would mean is not: rows lost, or risen from the dead. */
	if (f->t->n_rows != n_rows || f->t->n_kept != n_kept)
		return stoa__fail(f->err, STOA_ECORRUPT,
				  "table \"%s\": deleted rows and live bitmaps disagree: a compaction "
				  "was given up",
				  f->t->schema->name);
	return STOA_OK;
}

static int install(struct run *run, struct stoa__group **now, struct stoa__follow *f)
{
	int rc = stoa__table_own(f->w, run->table, &f->t);

	if (rc < 0)
		return rc == STOA_ENOTFOUND ? STOA_ESTATE : stoa__fail_memory(f->err);
	STOA_TRY(find_groups(f->t, run, now));
	if (is_too_much(f, run, now))
		return STOA_EBUSY;
	stoa__version_adopt(f->w, &run->apart);
	run->is_apart = false;
	STOA_TRY(follow_all(f, run, now));
	return replace(f, run, now);
}

int stoa__rewrite_install(struct stoa__rewrite *r, size_t i, struct stoa_error *err)
{
	struct stoa__history *h = &r->db->history;
	struct stoa__version *base = h->head;
	struct run *run = &r->runs[i];
	struct stoa__group **now = stoa__calloc(run->n_olds, sizeof *now);
	struct stoa__follow f = { .err = err };
	uint64_t commit = base->commit;
	int rc;

	f.w = now ? stoa__history_begin(h) : NULL;
	if (!f.w) {
		stoa__free(now);
		return stoa__fail_memory(err);
	}
	rc = run->is_apart ? install(run, now, &f) : STOA_ESTATE;
	stoa__free(now);
	if (rc < 0) {
		stoa__history_rollback(f.w, base, base);
		stoa__history_end(f.w, base);
		run->is_lost |= !run->is_apart;
		return rc;
	}
	r->stamp = f.w->stamp;
	run->is_lost = true;	/* done: there is nothing to be done again */
	stoa__history_commit(f.w, base, commit, stoa__history_is_published(h, commit));
	return STOA_OK;
}
