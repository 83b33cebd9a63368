/* SPDX-License-Identifier: MIT */
/* set_file.c - see set_file.h */
#include "set_file.h"

#include "../storage/stream.h"
#include "bulk.h"
#include "db.h"

int stoa__set_file_create(struct stoa__set_file *f, struct stoa_db *db, bool streamed,
			  struct stoa_error *err)
{
	uint32_t group;
	int rc;

	*f = (struct stoa__set_file){ .db = db, .number = atomic_fetch_add(&db->next_file, 1) };
	if (streamed)
		f->stream = stoa__stream_new(STOA__BULK_CACHED);
	if (streamed && !f->stream)
		return stoa__fail_memory(err);
	rc = stoa__segment_create_streamed(&db->dir, f->number, stoa__catalog_uuid(db->catalog),
					   f->stream, &f->writer, err);
	if (rc == STOA_OK)
		rc = stoa__segment_add_group(f->writer, 1, &group, err);
	if (rc < 0)
		stoa__set_file_discard(f);
	return rc;
}

/* The writer is through with it. */
static void end_stream(struct stoa__set_file *f)
{
	stoa__stream_free(f->stream);
	f->stream = NULL;
}

void stoa__set_file_discard(struct stoa__set_file *f)
{
	stoa__segment_discard(f->writer);
	f->writer = NULL;
	end_stream(f);
}

static int put_part(void *ctx, uint64_t part, const struct stoa__hints_group *groups, uint64_t n,
		    struct stoa_error *err)
{
	return stoa__segment_add_chunk(((struct stoa__set_file *)ctx)->writer,
				       (uint32_t)(STOA__RUN_SLOT_PARTS + part), groups,
				       n * sizeof *groups, err);
}

int stoa__set_file_put(struct stoa__set_file *f, const struct stoa__hints *h,
		       struct stoa_error *err)
{
	uint64_t n = stoa__hints_parts(h->n_groups);

	for (uint64_t part = 0; part < n; part++)
		STOA_TRY(put_part(f, part, h->groups + part * STOA__HINTS_PART,
				  stoa__hints_part_groups(h, part), err));
	return STOA_OK;
}

/* The same by way of heap: a shard was too small for all that have one key. */
static int build_in_heap(struct stoa__set_file *f, struct stoa__set_build *b,
			 struct stoa_error *err)
{
	int rc;

	if (stoa__hints_take_groups(b->into) < 0)
		return stoa__fail_memory(err);
	rc = stoa__set_build(b, err);
	if (rc == STOA_OK)
		rc = stoa__set_file_put(f, b->into, err);
	stoa__hints_give_groups(b->into);
	return rc;
}

int stoa__set_file_build(struct stoa__set_file *f, struct stoa__set_build *b,
			 struct stoa_error *err)
{
	struct stoa_db *db = f->db;
	bool streamed = f->stream;
	int rc;

	b->part = put_part;
	b->ctx = f;
	rc = stoa__set_build(b, err);
	if (rc != STOA_END)
		return rc;
	stoa__set_file_discard(f);
	STOA_TRY(stoa__set_file_create(f, db, streamed, err));
	return build_in_heap(f, b, err);
}

/* What a run is, as its first slot has it. */
static int put_head(const struct stoa__hints *h, const struct stoa__run_of *what,
		    struct stoa__buf *out)
{
	STOA_TRY(stoa__buf_put_u32(out, STOA__RUN_MAGIC));
	STOA_TRY(stoa__buf_put_u32(out, STOA__RUN_VERSION));
	STOA_TRY(stoa__buf_put_u64(out, h->n_groups));
	STOA_TRY(stoa__buf_put_u64(out, stoa__hints_used(h)));
	STOA_TRY(stoa__buf_put_u64(out, what->n_covered));
	STOA_TRY(stoa__buf_put_u64(out, what->t->id));
	STOA_TRY(stoa__buf_put_u64(out, what->t->schema->indexes[what->i].id));
	STOA_TRY(stoa__buf_put_u64(out, h->first));
	STOA_TRY(stoa__buf_put_u32(out, h->bits));
	STOA_TRY(stoa__buf_put_u32(out, h->exact));
	for (size_t k = 0; k < what->n_covered; k++) {
		STOA_TRY(stoa__buf_put_u64(out, what->covered[k].file));
		STOA_TRY(stoa__buf_put_u64(out, what->covered[k].index));
	}
	return stoa__buf_pad(out, 64);
}

int stoa__set_file_finish(struct stoa__set_file *f, const struct stoa__hints *h,
			  const struct stoa__run_of *what, struct stoa__segment **out,
			  struct stoa_error *err)
{
	struct stoa_db *db = f->db;
	struct stoa__buf head = STOA__BUF_INIT;
	uint64_t len, root;
	int rc = put_head(h, what, &head);

	rc = rc < 0 ?
		     stoa__fail_memory(err) :
		     stoa__segment_add_chunk(f->writer, STOA__RUN_SLOT_HEAD, head.p, head.len, err);
	stoa__buf_release(&head);
	if (rc < 0) {
		stoa__set_file_discard(f);
		return rc;
	}
	rc = stoa__segment_finish(f->writer, &len, &root, err);
	f->writer = NULL;
	end_stream(f);
	STOA_TRY(rc);
	rc = stoa__segment_open(&db->dir, f->number, stoa__catalog_uuid(db->catalog), len, root,
				out, err);
	if (rc < 0)
		(void)stoa__segment_unlink(&db->dir, f->number, NULL);
	return rc;
}
