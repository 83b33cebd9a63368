/* SPDX-License-Identifier: MIT */
/*
 * txn.c - transactions: begin, commit, abort, savepoints
 *
 * A commit of a durable database is three steps: the log record is appended and the working version
 * becomes the head, under the writer's lock; the lock is given up, so that the next transaction may
 * begin on the new head; the flush is awaited, shared with whoever commits meanwhile, and the
 * version is published. Readers thus see only what is on the disk, unless a commit was lazy.
 */
#include <string.h>
#include <time.h>
#include <strings.h>

#include "bulk.h"
#include "consumer.h"
#include "core/alloc.h"
#include "db.h"

/*
 * ---- the writer's lock: a flag, so that a transaction may end in another thread than it began in
 * ----
 */

static void take(struct stoa_db *db)
{
	db->writer_busy = true;
	db->writer = pthread_self();
}

/* The mutex is held. */
static void await_lock(struct stoa_db *db)
{
	db->n_waiting++;
	while (db->writer_busy)
		pthread_cond_wait(&db->writer_free, &db->mutex);
	db->n_waiting--;
}

void stoa__writer_let_others(struct stoa_db *db)
{
	const struct timespec moment = { 0, 20000 };

	/*
	 * A mutex is not handed over in turn: who gives it up and asks for it anew has it before a
	 * waiter wakes.
	 */
	for (int i = 0; i < 50; i++) {
		bool waiting;

		pthread_mutex_lock(&db->mutex);
		waiting = db->n_waiting && !db->writer_busy;
		pthread_mutex_unlock(&db->mutex);
		if (!waiting)
			return;
		nanosleep(&moment, NULL);
	}
}

void stoa__writer_lock(struct stoa_db *db)
{
	pthread_mutex_lock(&db->mutex);
	await_lock(db);
	take(db);
	pthread_mutex_unlock(&db->mutex);
}

bool stoa__writer_try(struct stoa_db *db)
{
	bool got;

	pthread_mutex_lock(&db->mutex);
	got = !db->writer_busy;
	if (got)
		take(db);
	pthread_mutex_unlock(&db->mutex);
	return got;
}

bool stoa__writer_is_me(struct stoa_db *db)
{
	bool me;

	pthread_mutex_lock(&db->mutex);
	me = db->writer_busy && pthread_equal(db->writer, pthread_self());
	pthread_mutex_unlock(&db->mutex);
	return me;
}

void stoa__writer_unlock(struct stoa_db *db)
{
	pthread_mutex_lock(&db->mutex);
	db->writer_busy = false;
	pthread_cond_signal(&db->writer_free);
	pthread_mutex_unlock(&db->mutex);
}

/* ---- entering ---- */

int stoa__txn_enter(const struct stoa_txn *txn, struct stoa_error *err)
{
	if (!txn)
		return stoa__fail(err, STOA_EINVAL, "the transaction is NULL");
	return stoa__db_enter(txn->db, err);
}

int stoa__txn_shut(const struct stoa_txn *txn, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter(txn, err));
	return stoa__fail(err, STOA_EREADONLY,
			  "this is a read transaction: begin one with STOA_WRITE");
}

static int no_table(stoa_table id, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ENOTFOUND, "there is no table number %u", id);
}

int stoa__txn_table(const struct stoa_txn *txn, stoa_table id, struct stoa__table **out,
		    struct stoa_error *err)
{
	*out = stoa__table_find(txn->version, id);
	return *out ? STOA_OK : no_table(id, err);
}

int stoa__txn_own_table(struct stoa_txn *txn, stoa_table id, struct stoa__table **out,
			struct stoa_error *err)
{
	int rc = stoa__table_own(txn->version, id, out);

	if (rc < 0)
		return rc == STOA_ENOTFOUND ? no_table(id, err) : stoa__fail_memory(err);
	if ((*out)->frozen)
		return stoa__fail(err, STOA_EREADONLY, "table \"%s\" is frozen",
				  (*out)->schema->name);
	return STOA_OK;
}

int stoa__txn_freeze(struct stoa_txn *txn, struct stoa__version **out, struct stoa_error *err)
{
	struct stoa__version *next;

	if (!txn->write) {
		stoa__version_hold(txn->version);
		*out = txn->version;
		return STOA_OK;
	}
	next = stoa__history_freeze(txn->version);
	if (!next)
		return stoa__fail_memory(err);
	*out = txn->version;	/* its hold as the working version is now the caller's */
	txn->version = next;
	return STOA_OK;
}

void stoa__txn_rollback(struct stoa_txn *txn, struct stoa__version *to)
{
	stoa__history_rollback(txn->version, to, txn->base);
	stoa__table_forget_undone(txn->version);
	stoa__handles_forget_undone(txn);
}

/* ---- begin ---- */

/* Takes the writer's lock for a transaction; STOA_ESTATE if this thread has it. */
static int writer_begin(struct stoa_db *db, struct stoa_error *err)
{
	int rc = STOA_OK;

	if (db->read_only)
		return stoa__fail(err, STOA_EREADONLY, "the database was opened read-only");
	pthread_mutex_lock(&db->mutex);
	if (db->writer_busy && pthread_equal(db->writer, pthread_self()))
		rc = stoa__fail(err, STOA_ESTATE,
				"this thread has a write transaction open: finish it first");
	if (rc == STOA_OK)
		await_lock(db);
	if (rc == STOA_OK && atomic_load(&db->failed))
		rc = stoa__fail(err, STOA_EREADONLY,
				"an earlier write to the disk failed: the database is read-only "
				"until it is reopened");
	if (rc == STOA_OK)
		take(db);
	pthread_mutex_unlock(&db->mutex);
	return rc;
}

/*
 * A transaction that is over leaves its struct and its buffers to the next one. The pairs of
 * malloc() and free() that this spares make up a twentieth of the smallest transaction.
 */
#define SPARE_BUF_MAX ((size_t)128 << 10)

static struct stoa_txn *txn_new(struct stoa_db *db)
{
	struct stoa_txn *txn = NULL;

	if (atomic_load_explicit(&db->spare, memory_order_relaxed))
		txn = atomic_exchange_explicit(&db->spare, NULL, memory_order_acquire);
	if (!txn)
		txn = stoa__calloc(1, sizeof *txn);
	if (txn)
		txn->db = db;
	return txn;
}

static void keep_buf(struct stoa__buf *b)
{
	stoa__buf_reset(b);
	if (b->cap > SPARE_BUF_MAX)
		stoa__buf_release(b);
}

static void free_struct(struct stoa_txn *txn)
{
	stoa__buf_release(&txn->redo);
	stoa__buf_release(&txn->scratch);
	stoa__free(txn);
}

static void keep_spare(struct stoa_db *db, struct stoa_txn *txn)
{
	txn = atomic_exchange_explicit(&db->spare, txn, memory_order_acq_rel);
	if (txn)
		free_struct(txn);
}

/* All else that it had is given up. */
static void leave(struct stoa_txn *txn)
{
	struct stoa_db *db = txn->db;
	struct stoa__buf redo, scratch;

	keep_buf(&txn->redo);
	keep_buf(&txn->scratch);
	redo = txn->redo;
	scratch = txn->scratch;
	*txn = (struct stoa_txn){ .redo = redo, .scratch = scratch };
	keep_spare(db, txn);
}

uint64_t stoa__spare_heap(struct stoa_db *db)
{
	struct stoa_txn *txn = atomic_exchange(&db->spare, NULL);
	uint64_t bytes;

	if (!txn)
		return 0;
	bytes = stoa__alloc_size(txn) + stoa__alloc_size(txn->redo.p) +
		stoa__alloc_size(txn->scratch.p);
	keep_spare(db, txn);
	return bytes;
}

void stoa__spare_release(struct stoa_db *db)
{
	if (db->spare)
		free_struct(db->spare);
	db->spare = NULL;
}

int stoa_begin(stoa_db *db, unsigned flags, stoa_txn **out, struct stoa_error *err)
{
	struct stoa_txn *txn;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the transaction");
	*out = NULL;
	STOA_TRY(stoa__db_enter(db, err));
	if (flags & ~STOA_WRITE)
		return stoa__fail(err, STOA_EINVAL, "unknown flags 0x%x", flags & ~STOA_WRITE);
	txn = txn_new(db);
	if (!txn)
		return stoa__fail_memory(err);
	txn->write = flags & STOA_WRITE;
	txn->durability = db->options.durability;
	if (!txn->write) {
		txn->base = txn->version = stoa__history_snapshot(&db->history);
	} else {
		rc = writer_begin(db, err);
		if (rc < 0)
			goto fail;
		txn->base = db->history.head;
		txn->version = stoa__history_begin(&db->history);
		if (!txn->version) {
			stoa__writer_unlock(db);
			rc = stoa__fail_memory(err);
			goto fail;
		}
	}
	atomic_fetch_add_explicit(&db->n_txns, 1, memory_order_relaxed);
	*out = txn;
	return STOA_OK;
fail:
	leave(txn);
	return rc;
}

int stoa_set_durability(stoa_txn *txn, int durability, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	if (durability < STOA_DURABILITY_DEFAULT || durability > STOA_NONE)
		return stoa__fail(err, STOA_EINVAL, "there is no durability number %d", durability);
	txn->durability = durability ? durability : txn->db->options.durability;
	return STOA_OK;
}

/* ---- savepoints ---- */

int stoa_savepoint(stoa_txn *txn, uint32_t *out, struct stoa_error *err)
{
	struct stoa__mark *marks;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the savepoint");
	if (txn->n_appenders)
		return stoa__fail(err, STOA_ESTATE, "close the appenders before a savepoint");
	marks = stoa__realloc_array(txn->marks, txn->n_marks + 1, sizeof *marks);
	if (!marks)
		return stoa__fail_memory(err);
	txn->marks = marks;
	STOA_TRY(stoa__txn_freeze(txn, &marks[txn->n_marks].version, err));
	marks[txn->n_marks].redo_len = txn->redo.len;
	marks[txn->n_marks].name = NULL;
	*out = (uint32_t)++txn->n_marks;
	return STOA_OK;
}

/* Gives up savepoints from number @from on (from 0). */
static void drop_marks(struct stoa_txn *txn, size_t from)
{
	while (txn->n_marks > from) {
		stoa__version_drop(txn->marks[--txn->n_marks].version);
		stoa__free(txn->marks[txn->n_marks].name);
	}
}

int stoa__savepoint_name(struct stoa_txn *txn, uint32_t mark, const char *name, size_t len,
			 struct stoa_error *err)
{
	char *copy = stoa__strndup(name, len);

	if (!copy)
		return stoa__fail_memory(err);
	txn->marks[mark - 1].name = copy;
	return STOA_OK;
}

uint32_t stoa__savepoint_find(const struct stoa_txn *txn, const char *name, size_t len)
{
	for (size_t i = txn->n_marks; i > 0; i--) {
		const char *have = txn->marks[i - 1].name;

		if (have && strlen(have) == len && !strncasecmp(have, name, len))
			return (uint32_t)i;
	}
	return 0;
}

int stoa_rollback_to(stoa_txn *txn, uint32_t savepoint, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	if (!savepoint || savepoint > txn->n_marks)
		return stoa__fail(err, STOA_EINVAL, "the transaction has no savepoint %u",
				  savepoint);
	if (txn->n_appenders)
		return stoa__fail(err, STOA_ESTATE, "close the appenders before a rollback");
	stoa__txn_rollback(txn, txn->marks[savepoint - 1].version);
	drop_marks(txn, savepoint);
	txn->redo.len = txn->marks[savepoint - 1].redo_len;
	return STOA_OK;
}

int stoa_release(stoa_txn *txn, uint32_t savepoint, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	if (!savepoint || savepoint > txn->n_marks)
		return stoa__fail(err, STOA_EINVAL, "the transaction has no savepoint %u",
				  savepoint);
	drop_marks(txn, savepoint - 1);
	return STOA_OK;
}

/* ---- end ---- */

static void txn_free(struct stoa_txn *txn)
{
	struct stoa_db *db = txn->db;

	stoa__buf_release(&txn->lent);
	stoa__free(txn->marks);
	stoa__free(txn->files);
	leave(txn);
	/* The last word: the database may be closed from here on. */
	atomic_fetch_sub_explicit(&db->n_txns, 1, memory_order_release);
}

int stoa__txn_note_file(struct stoa_txn *txn, uint64_t number)
{
	uint64_t *numbers = stoa__realloc_array(txn->files, txn->n_files + 1, sizeof *numbers);

	if (!numbers)
		return STOA_ENOMEM;
	txn->files = numbers;
	numbers[txn->n_files++] = number;
	return STOA_OK;
}

/*
 * Segment files of a transaction that does not take place; those that stay are removed at the next
 * open.
 */
static void remove_files(struct stoa_txn *txn)
{
	for (size_t i = 0; i < txn->n_files; i++)
		(void)stoa__segment_unlink(&txn->db->dir, txn->files[i], NULL);
}

/* Undoes everything and gives the writer's lock back. */
static void undo(struct stoa_txn *txn)
{
	stoa__bulk_end_all(txn);
	remove_files(txn);
	stoa__txn_rollback(txn, txn->base);
	drop_marks(txn, 0);
	stoa__history_end(txn->version, txn->base);
	stoa__writer_unlock(txn->db);
}

/* After a commit or an abort: what it noted of rows becomes the database's. */
static void settle(struct stoa_txn *txn, bool committed)
{
	if (txn->handles)
		stoa__handles_settle(txn);
	if (stoa__txn_has_loose(txn))
		stoa__txn_let_loose(txn, committed);
}

void stoa_abort(stoa_txn *txn)
{
	if (!txn)
		return;
	if (stoa__txn_enter(txn, NULL) == STOA_EFORKED)
		return;	/* the parent's; its locks may be in any state here */
	if (txn->write) {
		undo(txn);
		settle(txn, false);
	} else {
		stoa__version_drop(txn->version);
	}
	txn_free(txn);
}

/*
 * The working version becomes the head, published at once with @publish; the writer's lock is given
 * back.
 */
static void become_head(struct stoa_txn *txn, uint64_t commit, bool publish)
{
	stoa__history_commit(txn->version, txn->base, commit, publish);
	drop_marks(txn, 0);
	stoa__writer_unlock(txn->db);
}

/* The flush failed: what is on the disk is not known, so nothing more is written or published. */
static int flush_failed(struct stoa_db *db, struct stoa_error *err)
{
	struct stoa_error why = { 0 };

	if (err)
		why = *err;
	atomic_store(&db->failed, true);
	return stoa__fail(err, STOA_EUNKNOWN,
			  "the commit could not be made durable (%.300s): the database is read-only "
			  "now; reopen it to see whether the commit took place",
			  why.text);
}

/* Waits until commit number @commit is on the disk, then publishes it. */
static int make_durable(struct stoa_db *db, uint64_t commit, struct stoa_error *err)
{
	if (stoa__log_flush(db->log, commit, true, err) < 0)
		return flush_failed(db, err);
	stoa__history_publish(&db->history, commit);
	return STOA_OK;
}

/*
 * Its record is not in the log: the transaction was not, and if it is the log's failure, none will
 * be any more.
 */
static int append(struct stoa_txn *txn, uint64_t commit, const void *payload, size_t len,
		  struct stoa_error *err)
{
	struct stoa_db *db = txn->db;
	int rc = stoa__log_append(db->log, commit, payload, len, err);

	if (rc == STOA_OK)
		return STOA_OK;
	if (stoa__log_has_failed(db->log))
		atomic_store(&db->failed, true);
	undo(txn);
	/* A checkpoint gives the log's space back, if it finds enough for itself. */
	if (rc == STOA_EFULL)
		stoa__background_wake(db, false, true);
	return rc;
}

/* *@long_log: there is enough of it to wait for a checkpoint, if one is at work. */
static int commit_logged(struct stoa_txn *txn, uint64_t commit, bool *long_log,
			 struct stoa_error *err)
{
	struct stoa_db *db = txn->db;

	STOA_TRY(append(txn, commit, txn->redo.p, txn->redo.len, err));
	become_head(txn, commit, txn->durability != STOA_FULL);
	*long_log = stoa__log_bytes(db->log) > db->options.log_max_bytes / 2;
	if (stoa__log_would_pass(db->log, db->options.log_max_bytes))
		stoa__background_wake(db, false, true);
	if (stoa__log_wants_file(db->log) && db->n_background)
		stoa__background_make_log_file(db);
	if (txn->durability == STOA_LAZY)
		stoa__background_wake(db, true, false);
	if (txn->durability != STOA_FULL)
		return STOA_OK;
	return make_durable(db, commit, err);
}

/*
 * The transaction wrote segment files: a checkpoint of its working version is its commit. A log
 * record without operations goes before it, so that numbers in the log go on; if the checkpoint
 * fails, a commit that changes nothing has that number.
 */
static int commit_bulk(struct stoa_txn *txn, uint64_t commit, struct stoa_error *err)
{
	struct stoa_db *db = txn->db;
	int rc;

	STOA_TRY(append(txn, commit, "", 0, err));
	rc = stoa__checkpoint_working(db, txn->version, commit, err);
	if (rc < 0) {
		stoa__txn_rollback(txn, txn->base);
		if (rc != STOA_EUNKNOWN)
			remove_files(txn);
	}
	become_head(txn, commit, true);
	return rc;
}

/*
 * The head shows what it showed; a version for it all the same, as cursors of the transaction live
 * on. What it began on may be a lazy commit: with STOA_FULL that one is on the disk too when this
 * returns.
 */
static int commit_nothing(struct stoa_txn *txn, struct stoa_error *err)
{
	struct stoa_db *db = txn->db;
	uint64_t commit = txn->base->commit;
	bool full = db->path && txn->durability == STOA_FULL;

	become_head(txn, commit, stoa__history_is_published(&db->history, commit));
	return full ? make_durable(db, commit, err) : STOA_OK;
}

int stoa_commit(stoa_txn *txn, struct stoa_error *err)
{
	bool pushed, ahead = false;
	struct stoa_db *db;
	uint64_t commit;
	int rc = stoa__txn_enter(txn, err);

	if (rc < 0)
		return rc;
	db = txn->db;
	if (!txn->write || txn->n_appenders) {
		if (txn->n_appenders)
			rc = stoa__fail(err, STOA_ESTATE,
					"an appender is open: the transaction was aborted");
		stoa_abort(txn);
		return rc;
	}
	commit = txn->base->commit + 1;
	pushed = txn->version->pushed;
	if (stoa__txn_has_loose(txn) || stoa__orphans_wait(&db->lives))
		rc = stoa__txn_reap(txn, err);
	if (rc < 0) {
		undo(txn);
	} else if (!txn->dirty) {
		rc = commit_nothing(txn, err);
	} else if (!db->path) {
		become_head(txn, commit, true);
	} else if (txn->bulk) {
		rc = commit_bulk(txn, commit, err);
	} else {
		rc = commit_logged(txn, commit, &ahead, err);
	}
	settle(txn, rc >= 0 || rc == STOA_EUNKNOWN);
	stoa__ring(db, pushed && rc == STOA_OK);
	if (rc == STOA_OK && stoa__gc_is_due(db, txn->uncounted)) {
		stoa__background_collect(db);
		ahead |= stoa__gc_is_outrun(db);
	}
	ahead &= !txn->unhurried;
	txn_free(txn);
	if (ahead)
		stoa__background_await(db);
	return rc;
}
