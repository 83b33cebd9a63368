/* SPDX-License-Identifier: MIT */
/*
 * blob.c - blobs of any length: chains of rows that are read and written piece by piece
 *
 *     head (size, NULL, next) --> (NULL, bytes, next) --> (NULL, bytes, next) --> ... --> (NULL,
 *     bytes, NULL)
 *          what others refer to       piece 0: 256 KiB        piece 1                       the rest
 *
 * All of it are rows of a table (size u64, bytes blob, next ref) and nothing of it is a member of
 * that table: rows are inserted and deleted at once, and then live by the reference that the row
 * before them has. So what references can do, blobs can: they go with the last reference, are part
 * of transactions, snapshots, the log, checkpoints, compaction and checks, and none of these knows
 * of them.
 *
 * A handle keeps the rowids of all pieces. Pieces do not change: bytes that are written make a
 * *run* of new ones,
 *
 *     old:   0   1   2   3   4   5            a run that began in piece 2 and has come to piece 4
 *     run:           2'  3'  4'
 *     put:   0   1   2'  3'  4'  5            row 1 refers to 2', 4' to 5; 2, 3 and 4 die at the commit
 *
 * which is linked in when it ends: because the next write is elsewhere, or somebody wants to read.
 * A run waits in memory up to GROUP_BYTES; when it outgrows that, groups of PIECES go straight to
 * segment files (bulk.h), as those of a bulk load do. Rowids are given in order, so a piece that is
 * written before its successor knows its rowid all the same.
 *
 * (1) All pieces but the last have PIECE bytes; the last has 1 to PIECE. (2) The head's size is
 *     what they have together.
 * (3) In a handle without a run, rows[] are the chain.
 *
 * A chain and not a tree: finding the rowids costs some 50 ns a piece, a fifth of a millisecond for
 * a gigabyte.
 */
#include <string.h>

#include "bulk.h"
#include "core/alloc.h"
#include "cursor.h"
#include "db.h"

#define PIECE ((size_t)256 << 10)	/* large enough for zstd and for a disk, small enough to be replaced */
#define PIECES 64			/* of a row group */
#define GROUP_BYTES (PIECES * PIECE)

enum { SIZE, BYTES, NEXT, N_SLOTS };

struct stoa_blob {
	uint64_t fork_generation;
	struct stoa_txn *txn;		/* to write; NULL to read */
	struct stoa__version *version;	/* what it reads, held; NULL to write */
	stoa_table table;
	stoa_rowid head;
	stoa_handle *hold;		/* of a blob made here, until somebody refers to it */
	uint64_t size;			/* what was written included */
	uint64_t *rows;			/* of the pieces */
	uint64_t n_rows, cap_rows;
	struct stoa__buf scratch;	/* what the piece read last was unpacked to */
	uint64_t piece;			/* the one read last, of a version that is held; or NO_PIECE */
	struct stoa_bytes bytes;

	bool failed;
	bool dirty;			/* there is a run */
	uint64_t at;			/* its first piece */
	uint64_t n_bulked;		/* pieces of it that were given to the bulk, */
	uint64_t first;			/* and the rowid that the first of them will have */
	struct stoa__buf waiting;	/* the bytes behind them */
	struct stoa__bulk *bulk;	/* from the start: its transaction knows by it that we are here */
};

#define NO_PIECE UINT64_MAX

static uint64_t pieces_of(uint64_t size)
{
	return size / PIECE + (size % PIECE != 0);
}

/* ---- blob tables ---- */

static bool is_slot(const struct stoa_slot *def, const char *name, unsigned type, uint32_t target)
{
	return !strcmp(def->name, name) && def->type == type && def->target == target &&
	       !(def->flags & STOA_NOT_NULL);
}

static int check_table(const struct stoa__table *t, struct stoa_error *err)
{
	const struct stoa__slot *s = t->schema->slots;

	if (t->schema->n_slots == N_SLOTS && is_slot(&s[SIZE].def, "size", STOA_U64, 0) &&
	    is_slot(&s[BYTES].def, "bytes", STOA_BLOB, 0) &&
	    is_slot(&s[NEXT].def, "next", STOA_REF, t->id))
		return STOA_OK;
	return stoa__fail(err, STOA_ETYPE,
			  "table \"%s\" is no blob table: that has slots size u64, bytes blob and next "
			  "ref(%s), and no other", t->schema->name, t->schema->name);
}

int stoa_blob_table(stoa_txn *txn, const char *name, stoa_table *out, struct stoa_error *err)
{
	static const struct stoa_slot slots[N_SLOTS] = {
		[SIZE] = { .name = "size", .type = STOA_U64 },
		[BYTES] = { .name = "bytes", .type = STOA_BLOB },
		[NEXT] = { .name = "next", .type = STOA_REF },
	};
	struct stoa__table *t;
	int rc;

	STOA_TRY(stoa__txn_enter(txn, err));
	rc = stoa_table_find(txn, name, out, err);
	if (rc == STOA_ENOTFOUND && txn->write)
		return stoa_table_create(txn, name, slots, N_SLOTS, out, err);
	STOA_TRY(rc);
	STOA_TRY(stoa__txn_table(txn, *out, &t, err));
	return check_table(t, err);
}

/* ---- reading rows ---- */

static int damaged(const struct stoa_blob *b, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ECORRUPT,
			  "the blob at row %llu is not whole: rows of its table were changed by hand",
			  (unsigned long long)b->head);
}

/* The table as the handle sees it. */
static const struct stoa__table *table_of(const struct stoa_blob *b)
{
	return stoa__table_find(b->txn ? b->txn->version : b->version, b->table);
}

static int read_slot(struct stoa_blob *b, const struct stoa__table *t, uint64_t row, uint32_t slot,
		     struct stoa_value *out, struct stoa_error *err)
{
	struct stoa__place at;
	int rc = stoa__table_locate_existing(t, row, &at, err);

	if (rc == STOA_ENOTFOUND)
		return damaged(b, err);
	STOA_TRY(rc);
	stoa__buf_reset(&b->scratch);
	return stoa__group_value(at.group, &t->schema->slots[slot], slot, at.row, &b->scratch, out,
				 err);
}

/* Room for @n rows. */
static int reserve_rows(struct stoa_blob *b, uint64_t n, struct stoa_error *err)
{
	uint64_t cap = b->cap_rows ? b->cap_rows : PIECES;
	uint64_t *rows;

	if (n <= b->cap_rows)
		return STOA_OK;
	while (cap < n)
		cap *= 2;
	rows = stoa__realloc_array(b->rows, cap, sizeof *rows);
	if (!rows)
		return stoa__fail_memory(err);
	b->rows = rows;
	b->cap_rows = cap;
	return STOA_OK;
}

/* Follows the chain. */
static int find_rows(struct stoa_blob *b, struct stoa_error *err)
{
	const struct stoa__table *t = table_of(b);
	struct stoa_value v;
	uint64_t n, row = b->head;

	STOA_TRY(read_slot(b, t, b->head, SIZE, &v, err));
	if (v.type == STOA_NULL)
		return stoa__fail(err, STOA_ENOTFOUND, "row %llu of table \"%s\" is no blob's first",
				  (unsigned long long)b->head, t->schema->name);
	b->size = v.u;
	n = pieces_of(b->size);
	for (b->n_rows = 0;; b->n_rows++) {
		STOA_TRY(read_slot(b, t, row, NEXT, &v, err));
		if (v.type == STOA_NULL)
			return b->n_rows == n ? STOA_OK : damaged(b, err);
		if (b->n_rows == n)
			return damaged(b, err);
		STOA_TRY(reserve_rows(b, b->n_rows + 1, err));
		b->rows[b->n_rows] = row = v.u;
	}
}

/* The bytes of a piece that is in place, borrowed until the next call or change. */
static int read_piece(struct stoa_blob *b, uint64_t piece, struct stoa_bytes *out,
		      struct stoa_error *err)
{
	struct stoa_value v;

	if (piece != b->piece) {
		b->piece = NO_PIECE;
		STOA_TRY(read_slot(b, table_of(b), b->rows[piece], BYTES, &v, err));
		if (v.type == STOA_NULL || v.len > PIECE || (piece + 1 < b->n_rows && v.len < PIECE))
			return damaged(b, err);
		b->bytes = (struct stoa_bytes){ v.p, v.len };
		/* In a version that is being written, what is borrowed does not last. */
		b->piece = b->txn ? NO_PIECE : piece;
	}
	*out = b->bytes;
	return STOA_OK;
}

/* ---- opening ---- */

static void blob_free(struct stoa_blob *b)
{
	if (b->version)
		stoa__version_drop(b->version);
	stoa_row_release(b->hold);
	stoa__buf_release(&b->scratch);
	stoa__buf_release(&b->waiting);
	stoa__free(b->rows);
	stoa__free(b);
}

static int blob_new(stoa_txn *txn, stoa_table table, struct stoa_blob **out, struct stoa_error *err)
{
	struct stoa__table *t;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the blob");
	*out = NULL;
	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	STOA_TRY(check_table(t, err));
	*out = stoa__calloc(1, sizeof **out);
	if (!*out)
		return stoa__fail_memory(err);
	(*out)->fork_generation = stoa__fork_generation;
	(*out)->table = table;
	(*out)->piece = NO_PIECE;
	return STOA_OK;
}

/* Makes a handle one to write. */
static int begin_writing(struct stoa_blob *b, stoa_txn *txn, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	if (stoa__bulk_is_open(txn, b->table))
		return stoa__fail(err, STOA_ESTATE, "another blob of the table is being written, or an "
				  "appender is open: close it first");
	b->txn = txn;
	return STOA_OK;
}

/* The head of a new blob, which nothing but a hold keeps. */
static int make_head(struct stoa_blob *b, struct stoa_error *err)
{
	struct stoa_value v[N_SLOTS] = { stoa_u64(0), stoa_null(), stoa_null() };

	STOA_TRY(stoa_insert(b->txn, b->table, v, N_SLOTS, &b->head, err));
	STOA_TRY(stoa_row_hold(b->txn, b->table, b->head, &b->hold, err));
	return stoa_delete(b->txn, b->table, b->head, err);
}

int stoa_blob_create(stoa_txn *txn, stoa_table table, stoa_blob **out, struct stoa_error *err)
{
	struct stoa_blob *b;
	int rc;

	STOA_TRY(blob_new(txn, table, out, err));
	b = *out;
	*out = NULL;
	rc = begin_writing(b, txn, err);
	if (rc == STOA_OK)
		rc = make_head(b, err);
	if (rc == STOA_OK)
		rc = stoa__bulk_open(txn, table, &b->bulk, err);
	if (rc < 0)
		blob_free(b);
	else
		*out = b;
	return rc;
}

int stoa_blob_open(stoa_txn *txn, stoa_table table, stoa_rowid row, unsigned flags, stoa_blob **out,
		   struct stoa_error *err)
{
	struct stoa_blob *b;
	int rc;

	STOA_TRY(blob_new(txn, table, out, err));
	b = *out;
	*out = NULL;
	b->head = row;
	if (flags & ~STOA_WRITE)
		rc = stoa__fail(err, STOA_EINVAL, "unknown flags 0x%x", flags & ~STOA_WRITE);
	else if (flags & STOA_WRITE)
		rc = begin_writing(b, txn, err);
	else
		rc = stoa__txn_freeze(txn, &b->version, err);
	if (rc == STOA_OK)
		rc = stoa__row_exists(table_of(b), row, NULL);
	if (rc == STOA_ENOTFOUND)
		rc = stoa__fail(err, rc, "there is no blob at row %llu", (unsigned long long)row);
	if (rc == STOA_OK)
		rc = find_rows(b, err);
	if (rc == STOA_OK && b->txn)
		rc = stoa__bulk_open(txn, table, &b->bulk, err);
	if (rc < 0)
		blob_free(b);
	else
		*out = b;
	return rc;
}

uint64_t stoa_blob_size(const stoa_blob *blob)
{
	return blob->size;
}

stoa_rowid stoa_blob_row(const stoa_blob *blob)
{
	return blob->head;
}

/* ---- a run on its way into the table ---- */

/* Gives the bytes that wait to the bulk; @last is what the last piece refers to, 0 for nothing. */
static int add_group(struct stoa_blob *b, uint64_t last, struct stoa_error *err)
{
	size_t n = pieces_of(b->waiting.len);
	uint64_t sizes[PIECES] = { 0 }, next[PIECES], no_sizes = 0, has_next = UINT64_MAX;
	struct stoa_bytes bytes[PIECES];
	struct stoa__bulk_column columns[N_SLOTS] = {
		[SIZE] = { .array = { STOA_U64, 0, sizes, &no_sizes } },
		[BYTES] = { .array = { STOA_BLOB, 0, bytes, NULL } },
		[NEXT] = { .array = { STOA_REF, 0, next, &has_next } },
	};
	struct stoa__bulk_group *group;

	if (!b->n_bulked)
		b->first = table_of(b)->next_rowid;
	for (size_t i = 0; i < n; i++) {
		size_t left = b->waiting.len - i * PIECE;

		bytes[i] = (struct stoa_bytes){ (const char *)b->waiting.p + i * PIECE,
						(uint32_t)(left < PIECE ? left : PIECE) };
		next[i] = b->first + b->n_bulked + i + 1;
	}
	next[n - 1] = last;
	if (!last)
		has_next &= ~((uint64_t)1 << (n - 1));
	STOA_TRY(stoa__bulk_encode(b->bulk, columns, N_SLOTS, n, &group, err));
	STOA_TRY(stoa__bulk_add(b->bulk, group, err));
	b->n_bulked += n;
	stoa__buf_reset(&b->waiting);
	return STOA_OK;
}

_Static_assert(PIECES == 64, "a word has a bit for each piece of a group");

/* Adds bytes to the run. */
static int add(struct stoa_blob *b, const void *p, size_t n, struct stoa_error *err)
{
	while (n) {
		size_t room = GROUP_BYTES - b->waiting.len;

		if (!room) {
			uint64_t so_far = b->n_bulked ? b->first + b->n_bulked :
							table_of(b)->next_rowid;

			STOA_TRY(add_group(b, so_far + PIECES, err));
			continue;
		}
		if (room > n)
			room = n;
		if (stoa__buf_put(&b->waiting, p, room) < 0)
			return stoa__fail_memory(err);
		p = (const char *)p + room;
		n -= room;
	}
	return STOA_OK;
}

static uint64_t end_of_run(const struct stoa_blob *b)
{
	return (b->at + b->n_bulked) * PIECE + b->waiting.len;
}

/* Begins a run at @offset, with the bytes that its first piece has before it. */
static int begin_run(struct stoa_blob *b, uint64_t offset, struct stoa_error *err)
{
	struct stoa_bytes old;

	b->at = offset / PIECE;
	b->n_bulked = 0;
	stoa__buf_reset(&b->waiting);
	if (offset % PIECE) {
		STOA_TRY(read_piece(b, b->at, &old, err));
		if (old.len < offset % PIECE)
			return damaged(b, err);
		STOA_TRY(add(b, old.p, offset % PIECE, err));
	}
	b->dirty = true;
	return STOA_OK;
}

/* What the run's last piece has of the one that it replaces. */
static int fill_last(struct stoa_blob *b, struct stoa_error *err)
{
	uint64_t end = end_of_run(b), piece = end / PIECE;
	struct stoa_bytes old;

	if (!(end % PIECE) || piece >= b->n_rows)
		return STOA_OK;
	STOA_TRY(read_piece(b, piece, &old, err));
	return old.len > end % PIECE ? add(b, old.p + end % PIECE, old.len - end % PIECE, err) :
				       STOA_OK;
}

/* Pieces that wait become rows, the last first, since each refers to the one behind it. */
static int insert_pieces(struct stoa_blob *b, uint64_t n, uint64_t last, struct stoa_error *err)
{
	for (uint64_t i = n; i-- > 0;) {
		size_t from = i * PIECE, left = b->waiting.len - from;
		struct stoa_value v[N_SLOTS] = {
			[SIZE] = stoa_null(),
			[BYTES] = stoa_bytes_value(STOA_BLOB, b->waiting.p + from,
						   (uint32_t)(left < PIECE ? left : PIECE)),
			[NEXT] = last ? stoa_ref(last) : stoa_null(),
		};

		STOA_TRY(stoa_insert(b->txn, b->table, v, N_SLOTS, &last, err));
		b->rows[b->at + i] = last;
	}
	stoa__buf_reset(&b->waiting);
	return STOA_OK;
}

/* The same for a run of which the bulk has a part. */
static int finish_bulk(struct stoa_blob *b, uint64_t n, uint64_t last, struct stoa_error *err)
{
	struct stoa__bulk *bulk = b->bulk;

	STOA_TRY(add_group(b, last, err));
	if (table_of(b)->next_rowid != b->first)
		return stoa__fail(err, STOA_ESTATE,
				  "rows were added to the blob table while a blob was written");
	b->bulk = NULL;
	STOA_TRY(stoa__bulk_finish(bulk, NULL, err));
	for (uint64_t i = 0; i < n; i++)
		b->rows[b->at + i] = b->first + i;
	return stoa__bulk_open(b->txn, b->table, &b->bulk, err);
}

/*
 * Has the row before piece @at, or the head, refer to what is there now, and the head know the
 * size.
 */
static int link_run(struct stoa_blob *b, uint64_t size, struct stoa_error *err)
{
	static const uint32_t next = NEXT, size_and_next[2] = { SIZE, NEXT }, only_size = SIZE;
	struct stoa_value v[2] = {
		stoa_u64(size),
		b->at < b->n_rows ? stoa_ref(b->rows[b->at]) : stoa_null(),
	};

	if (!b->at)
		return stoa_update(b->txn, b->table, b->head, size_and_next, v, 2, err);
	STOA_TRY(stoa_update(b->txn, b->table, b->rows[b->at - 1], &next, &v[1], 1, err));
	return stoa_update(b->txn, b->table, b->head, &only_size, v, 1, err);
}

static int put_run(struct stoa_blob *b, struct stoa_error *err)
{
	uint64_t end = end_of_run(b), n = pieces_of(end) - b->at, behind = b->at + n;
	uint64_t last = behind < b->n_rows ? b->rows[behind] : 0;

	STOA_TRY(reserve_rows(b, behind, err));
	if (b->n_bulked)
		STOA_TRY(finish_bulk(b, n, last, err));
	else
		STOA_TRY(insert_pieces(b, n, last, err));
	if (b->n_rows < behind)
		b->n_rows = behind;
	if (b->size < end)
		b->size = end;
	STOA_TRY(link_run(b, b->size, err));
	for (uint64_t i = b->at; i < behind; i++)
		STOA_TRY(stoa_delete(b->txn, b->table, b->rows[i], err));
	return STOA_OK;
}

/* Puts the run in its place: all of it, or the handle has failed. */
static int settle(struct stoa_blob *b, struct stoa_error *err)
{
	struct stoa_txn *txn = b->txn;
	size_t mark = txn->redo.len;
	struct stoa__version *before;
	int rc;

	if (!b->dirty)
		return STOA_OK;
	b->failed = true;
	STOA_TRY(fill_last(b, err));
	STOA_TRY(stoa__txn_freeze(txn, &before, err));
	rc = put_run(b, err);
	if (rc < 0) {
		stoa__txn_rollback(txn, before);
		txn->redo.len = mark;
	}
	stoa__version_drop(before);
	b->failed = rc < 0;
	b->dirty = rc < 0;
	return rc;
}

/* ---- the calls ---- */

static int enter(const struct stoa_blob *b, struct stoa_error *err)
{
	if (!b)
		return stoa__fail(err, STOA_EINVAL, "the blob is NULL");
	if (b->fork_generation != stoa__fork_generation)
		return stoa__fail(err, STOA_EFORKED, "the blob was opened by the parent process");
	if (b->failed)
		return stoa__fail(err, STOA_ESTATE, "a write to the blob failed: close it");
	if (b->version ? b->version->gone : stoa__bulk_is_over(b->bulk))
		return stoa__fail(err, STOA_ESTATE, "what the blob was opened in is over, or was "
				  "rolled back");
	return STOA_OK;
}

static int enter_write(const struct stoa_blob *b, struct stoa_error *err)
{
	STOA_TRY(enter(b, err));
	if (!b->txn)
		return stoa__fail(err, STOA_EREADONLY,
				  "the blob is open for reading: open it with STOA_WRITE");
	return STOA_OK;
}

int stoa_blob_read(stoa_blob *blob, uint64_t offset, void *buf, size_t n, size_t *n_read,
		   struct stoa_error *err)
{
	size_t done = 0;

	STOA_TRY(enter(blob, err));
	if (blob->dirty)
		STOA_TRY(settle(blob, err));
	while (done < n && offset < blob->size) {
		size_t from = offset % PIECE, k;
		struct stoa_bytes bytes = { NULL, 0 };

		STOA_TRY(read_piece(blob, offset / PIECE, &bytes, err));
		k = bytes.len > from ? bytes.len - from : 0;
		if (!k)
			return damaged(blob, err);
		if (k > n - done)
			k = n - done;
		memcpy((char *)buf + done, bytes.p + from, k);
		done += k;
		offset += k;
	}
	if (n_read)
		*n_read = done;
	return STOA_OK;
}

int stoa_blob_write(stoa_blob *blob, uint64_t offset, const void *p, size_t n, struct stoa_error *err)
{
	int rc = STOA_OK;

	STOA_TRY(enter_write(blob, err));
	if (offset > blob->size || n > INT64_MAX - offset)
		return stoa__fail(err, STOA_ERANGE,
				  "offset %llu is beyond the end of the blob, which has %llu bytes",
				  (unsigned long long)offset, (unsigned long long)blob->size);
	if (!n)
		return STOA_OK;
	if (blob->dirty && offset != end_of_run(blob))
		STOA_TRY(settle(blob, err));
	if (!blob->dirty)
		rc = begin_run(blob, offset, err);
	if (rc == STOA_OK)
		rc = add(blob, p, n, err);
	blob->failed = rc < 0;
	if (rc == STOA_OK && blob->size < offset + n)
		blob->size = offset + n;
	return rc;
}

int stoa_blob_truncate(stoa_blob *blob, uint64_t size, struct stoa_error *err)
{
	int rc;

	STOA_TRY(enter_write(blob, err));
	if (size > blob->size)
		return stoa__fail(err, STOA_ERANGE, "the blob has %llu bytes: it grows by writing at its "
				  "end", (unsigned long long)blob->size);
	STOA_TRY(settle(blob, err));
	if (size == blob->size)
		return STOA_OK;
	/*
	 * The piece that it ends in is made anew; those behind it are forgotten, and die unlinked.
	 */
	rc = begin_run(blob, size, err);
	blob->failed = rc < 0;
	STOA_TRY(rc);
	blob->n_rows = blob->at;
	blob->size = size;
	return settle(blob, err);
}

int stoa_blob_close(stoa_blob *blob, struct stoa_error *err)
{
	int rc;

	if (!blob)
		return STOA_OK;
	if (blob->fork_generation != stoa__fork_generation)
		return stoa__fail(err, STOA_EFORKED, "the blob was opened by the parent process");
	rc = blob->version ? STOA_OK : enter(blob, err);
	if (rc == STOA_OK && blob->dirty)
		rc = settle(blob, err);
	stoa__bulk_abort(blob->bulk);
	blob_free(blob);
	return rc;
}
