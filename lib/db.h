/* SPDX-License-Identifier: MIT */
/*
 * db.h - the database and its transactions, as lib/ sees them
 *
 * Locks, in the order in which they may be taken: the collection's (gc.running), checkpoint_turn, the
 * writer's (held by the write transaction from begin to commit), checkpoint, catalog byte of the lock
 * file, then the leaves: history, symbols, lives, gc.mutex, the log's own.
 */
#ifndef STOA__DB_H
#define STOA__DB_H

#include <pthread.h>

#include "../storage/bell.h"
#include "../storage/catalog.h"
#include "../storage/log.h"
#include "../storage/segment.h"
#include "core/budget.h"
#include "core/hands.h"
#include "cursor.h"
#include "gc.h"
#include "set_run.h"
#include "handle.h"
#include "table.h"

/* A base that a checkpoint has written to a segment, to be swapped for it. */
struct stoa__swap {
	uint32_t table;
	uint64_t group;			/* first rowid */
	uint64_t base_id;		/* of the base in heap */
	struct stoa__segment *segment;	/* counted */
	uint32_t index;
};

#define STOA__BACKGROUND_THREADS 2

struct stoa_db {
	uint64_t fork_generation;
	char *path;			/* NULL: in memory */
	bool read_only;
	struct stoa_options options;	/* zeros replaced by the defaults */

	struct stoa__history history;
	struct stoa__symbols symbols;
	struct stoa__budget budget;	/* memory_limit, as queries keep to it */
	struct stoa__hands hands;	/* the threads of queries */

	struct stoa__lives lives;

	pthread_mutex_t mutex;		/* guards the fields up to the blank line */
	pthread_cond_t writer_free;
	pthread_cond_t work;		/* for the background threads */
	pthread_cond_t caught_up;	/* one of them is done: for writers that it could not follow */
	unsigned checkpointing;		/* how many are at it: the log has begun anew */
	bool checkpoint_due;		/* and one is about to be */
	bool collecting;
	bool writer_busy;
	uint32_t n_waiting;		/* for the writer's lock */
	pthread_t writer;
	uint32_t n_stmts;
	struct stoa__bell bell;		/* opened when first rung */
	atomic_bool has_bell;		/* it is open, until the database is closed */
	stoa_consumer *consumers;	/* of a database in memory */
	uint64_t last_consumer;
	bool stop, want_flush, want_checkpoint;

	_Atomic uint32_t n_txns;
	_Atomic(stoa_txn *) spare;	/* one that is over, for the next: zeros but for small buffers */
	int64_t orphans_ms;		/* when leases were last searched for dead consumers; the writer's */
	_Atomic bool failed;		/* a flush failed: nothing is written any more */
	_Atomic uint64_t next_file;	/* number for the next segment file */

	struct stoa__dir dir;
	struct stoa__lock lock;
	struct stoa__catalog *catalog;
	struct stoa__log *log;
	struct stoa__log_position log_from;	/* where the catalog that was read leaves off */
	uint64_t seen_txnid;			/* of that catalog */
	pthread_t background[STOA__BACKGROUND_THREADS];
	uint32_t n_background;
	pthread_t collector;
	bool has_collector;		/* guarded by mutex, as want_collect */
	bool want_collect;
	pthread_t log_maker;		/* guarded by mutex, as all of these */
	bool has_log_maker, want_log_file;
	struct stoa__gc gc;

	pthread_mutex_t checkpoint_turn;	/* who wants one waits for others' with no other lock */
	pthread_mutex_t checkpoint;	/* guards the fields below */
	uint64_t checkpoint_stamp;	/* blocks born up to it are in the catalog */
	struct stoa__swap *swaps;
	size_t n_swaps;
	struct stoa__set_run_plans run_swaps;
};

struct stoa__mark {
	struct stoa__version *version;
	size_t redo_len;
	char *name;			/* in SQL; NULL: none */
};

struct stoa_txn {
	struct stoa_db *db;
	bool write;
	bool dirty;			/* something has changed */
	bool bulk;			/* has segment files of its own: commits by a checkpoint */
	int durability;
	uint32_t n_appenders;
	struct stoa__bulk *bulks;	/* those that are open */
	uint64_t *files;		/* segment files it made, to be removed by an abort */
	size_t n_files;
	struct stoa__version *base;	/* the version it began on, held */
	struct stoa__version *version;	/* what it sees: base, or the working version */
	struct stoa__buf redo;		/* operations for the log */
	struct stoa__buf scratch;	/* bytes that the last stoa_get() lent */
	struct stoa__mark *marks;	/* savepoints */
	size_t n_marks;
	struct stoa_handle *handles;	/* of rows that it made */
	struct stoa__loose loose;	/* rows that lost a reference */
	bool uncounted;			/* loaded rows whose references the collector is to count */
	bool unhurried;			/* a collection's: it follows writers, and waits for nobody */
	bool in_steps;			/* a collection's: what its deaths leave behind may wait */
	struct stoa__id_list orphans;	/* taken from the database, to be given back if it does not commit */
	uint32_t front_of;		/* position + 1 of the deque whose front an insert is meant for */
	struct stoa__buf lent;		/* bytes that the last pop lent */
};

/* ---- entering: every public call begins with one of these ---- */

/* The database that a version is of. */
static inline struct stoa_db *stoa__db_of(const struct stoa__version *v)
{
	return (struct stoa_db *)(void *)((char *)v->history - offsetof(struct stoa_db, history));
}
/* STOA_EINVAL, STOA_EFORKED: why a database cannot be entered. */
int stoa__db_shut(const struct stoa_db *db, struct stoa_error *err);
static inline int stoa__db_enter(const struct stoa_db *db, struct stoa_error *err)
{
	return db && db->fork_generation == stoa__fork_generation ? STOA_OK : stoa__db_shut(db, err);
}
/*
 * May this thread have files written, and wait for the writer's lock? STOA_EREADONLY, STOA_ESTATE.
 */
int stoa__db_may_write(struct stoa_db *db, struct stoa_error *err);
int stoa__txn_enter(const struct stoa_txn *txn, struct stoa_error *err);
/* And may it write? STOA_EREADONLY. */
int stoa__txn_shut(const struct stoa_txn *txn, struct stoa_error *err);
static inline int stoa__txn_enter_write(const struct stoa_txn *txn, struct stoa_error *err)
{
	return txn && txn->write && txn->db->fork_generation == stoa__fork_generation ?
		       STOA_OK :
		       stoa__txn_shut(txn, err);
}
/* Segment file @number is the transaction's, which removes it if it is aborted. STOA_OK or STOA_ENOMEM. */
int stoa__txn_note_file(struct stoa_txn *txn, uint64_t number);
/* The table as the transaction sees it; STOA_ENOTFOUND. */
int stoa__txn_table(const struct stoa_txn *txn, stoa_table id, struct stoa__table **out,
		    struct stoa_error *err);
/* The same to be changed; STOA_EREADONLY if it is frozen. */
int stoa__txn_own_table(struct stoa_txn *txn, stoa_table id, struct stoa__table **out,
			struct stoa_error *err);
/* Freezes what the transaction sees, held, for a cursor. */
int stoa__txn_freeze(struct stoa_txn *txn, struct stoa__version **out, struct stoa_error *err);
/* Names savepoint @mark, as SQL does; the newest of a name in whatever case, 0 if there is none. */
int stoa__savepoint_name(struct stoa_txn *txn, uint32_t mark, const char *name, size_t len,
			 struct stoa_error *err);
uint32_t stoa__savepoint_find(const struct stoa_txn *txn, const char *name, size_t len);
/* Undoes all since @to, which the transaction froze or began on. */
void stoa__txn_rollback(struct stoa_txn *txn, struct stoa__version *to);

/*
 * Removes a database's directory, as well as can be; files that are no database's stay, and the
 * directory with them.
 */
void stoa__database_remove(const char *path);
/* The struct that is kept for the next transaction. */
void stoa__spare_release(struct stoa_db *db);
uint64_t stoa__spare_heap(struct stoa_db *db);

/* ---- the writer's lock ---- */

void stoa__writer_lock(struct stoa_db *db);
bool stoa__writer_try(struct stoa_db *db);
/* Was it taken by this thread? Waiting for it would be for ever. */
bool stoa__writer_is_me(struct stoa_db *db);
void stoa__writer_unlock(struct stoa_db *db);
/* For who takes the lock again and again: gives those that wait for it a chance to have it. */
void stoa__writer_let_others(struct stoa_db *db);

/* ---- background.c: a writer's threads ---- */

int stoa__background_init(struct stoa_db *db);	/* makes db->work */
int stoa__background_start(struct stoa_db *db, struct stoa_error *err);
void stoa__background_stop(struct stoa_db *db);	/* also where none was started */
/*
 * After a commit, with no lock held: waits while writers are so far ahead of the background threads
 * that log or garbage would grow without bound; AWAIT_MS at most, so that nobody waits for ever.
 */
void stoa__background_await(struct stoa_db *db);
/* Whoever writes a checkpoint says so, as writers that outrun it are to wait. */
void stoa__background_checkpoint_begins(struct stoa_db *db);
void stoa__background_checkpoint_ends(struct stoa_db *db);
void stoa__background_wake(struct stoa_db *db, bool flush, bool checkpoint);

/* ---- deaths.c ---- */

/* Kept rows that died one after the other, as the log names them. */
struct stoa__deaths {
	uint64_t first, n;
	uint32_t table;
	bool up;
};
/*
 * Did rows lose a reference or a hold, so that there is something to reap, or to let loose
 * afterwards?
 */
static inline bool stoa__txn_has_loose(const struct stoa_txn *txn)
{
	return txn->loose.suspects.cap || txn->loose.candidates.cap || txn->orphans.cap;
}
/* All kept rows without a reason to exist die, in the commit of @txn. */
int stoa__txn_reap(struct stoa_txn *txn, struct stoa_error *err);
/* A kept row dies whatever refers to it; @d collects deaths until stoa__txn_work_off(). */
int stoa__txn_kill(struct stoa_txn *txn, struct stoa__deaths *d, struct stoa__table *t,
		   uint64_t row, struct stoa__place at, struct stoa_error *err);
/* Looks at up to @n_max suspects of @txn, and puts what died into the log. */
int stoa__txn_work_off(struct stoa_txn *txn, struct stoa__deaths *d, size_t n_max,
		       struct stoa_error *err);
/*
 * Calls @each for every kept row. A negative result ends it and is returned; so do errors of
 * reading.
 */
typedef int stoa__kept_each(void *ctx, const struct stoa__table *t, uint64_t row);
int stoa__kept_walk(const struct stoa__version *v, stoa__kept_each *each, void *ctx);
/*
 * Gives candidates back that were not looked at; with @all every kept row is one (and @list may be
 * NULL).
 */
void stoa__candidates_return(struct stoa_db *db, struct stoa__id_list *list, bool all);
/* Of a database just opened: rows that only holds of another process kept are orphans. */
void stoa__orphans_find(struct stoa_db *db);
/* Hands what the transaction, which has loose rows, noted over to the database; it is over. */
void stoa__txn_let_loose(struct stoa_txn *txn, bool committed);
/*
 * A pass of the collector, in a thread that the first of these starts. If it cannot be, the next
 * commit tries again.
 */
void stoa__background_collect(struct stoa_db *db);
/* The log's next file, in a thread that the first of these starts. If it cannot be, writers make it. */
void stoa__background_make_log_file(struct stoa_db *db);
/* Bytes of segment files in the directory. */
uint64_t stoa__db_segment_bytes(struct stoa_db *db);

/* ---- get.c ---- */

/* stoa_get() of a row that has been found. */
int stoa__row_get(struct stoa_txn *txn, const struct stoa__table *t, struct stoa__place at,
		  struct stoa_value *out, size_t n_out, struct stoa_error *err);

/* ---- rows.c ---- */

/* Passes @rc on, and puts words to STOA_ENOTFOUND. */
int stoa__row_found(int rc, const struct stoa__table *t, stoa_rowid row, struct stoa_error *err);
/* stoa_insert() into a table that is the working version's own. */
int stoa__row_insert(struct stoa_txn *txn, struct stoa__table *t, const struct stoa_value *values,
		     size_t n_values, stoa_rowid *out, struct stoa_error *err);
/* stoa_delete() of a row that has been found, in a table that is the working version's own. */
int stoa__row_delete(struct stoa_txn *txn, struct stoa__table *t, stoa_rowid row,
		     struct stoa__place at, struct stoa_error *err);
/* Heap that tables, versions and strings hold. */
uint64_t stoa__db_bytes(struct stoa_db *db);
/* STOA_ENOMEM when memory_limit is reached, with @more bytes that are not counted yet. */
int stoa__db_check_memory(struct stoa_db *db, uint64_t more, struct stoa_error *err);
static inline int stoa__db_within_memory(struct stoa_db *db, uint64_t more, struct stoa_error *err)
{
	return db->options.memory_limit ? stoa__db_check_memory(db, more, err) : STOA_OK;
}

/*
 * What a query may use: memory, a directory for temporary files (NULL: there is none), how many
 * threads and whose, and whether they may work between two calls: not while a rollback can take
 * away what they read. All out parameters are left alone when there is no such transaction.
 */
void stoa__txn_means(stoa_txn *txn, struct stoa__budget **budget, const struct stoa__dir **dir,
		     unsigned *n_threads, struct stoa__hands **hands, bool *no_background);

/* ---- queue.c: deques with a limit give up what is beyond it ---- */

/* After a row with these values, converted, was inserted; after many were. */
void stoa__deques_cut(struct stoa_txn *txn, struct stoa__table *t, const struct stoa_value *values);
void stoa__deques_cut_all(struct stoa_txn *txn, uint32_t table);

/* ---- redo.c: operations in the log ---- */

int stoa__redo_insert(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid,
		      const struct stoa_value *values);
int stoa__redo_update(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid,
		      const uint32_t *slots, const struct stoa_value *values, size_t n);
int stoa__redo_delete(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid, bool keep);
int stoa__redo_deaths(struct stoa_txn *txn, const struct stoa__deaths *d);
int stoa__redo_schema(struct stoa_txn *txn, uint32_t table, const struct stoa__schema *schema);
int stoa__redo_drop(struct stoa_txn *txn, uint32_t table);
int stoa__redo_freeze(struct stoa_txn *txn, uint32_t table);
/* Does the operations of one log record again. */
int stoa__redo_replay(struct stoa__version *w, const uint8_t *payload, size_t len,
		      struct stoa_error *err);

/* ---- ddl.c ---- */

/*
 * Makes table @id of @w have @schema (taken over): a new table, or the old one with its tail
 * sealed. When a strong reference is dropped and this fails, some are given up: the caller goes
 * back to a version from before.
 */
int stoa__table_set_schema(struct stoa__version *w, struct stoa__loose *loose, uint32_t id,
			   struct stoa__schema *schema, struct stoa_error *err);
/* Takes a table out, with the references that its rows have to others. The same holds. */
int stoa__table_drop(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
		     struct stoa_error *err);
/*
 * A table whose schema may be changed by the transaction, and one with these indexes instead of its
 * own.
 */
int stoa__schema_change_deaths(struct stoa_txn *txn, stoa_table table, stoa_table deaths,
			       struct stoa_error *err);
int stoa__schema_begin_change(struct stoa_txn *txn, stoa_table table,
			      const struct stoa__schema **out, struct stoa_error *err);
int stoa__schema_change_indexes(struct stoa_txn *txn, stoa_table table,
				const struct stoa__index_def *defs, uint32_t n,
				uint32_t next_index, struct stoa_error *err);

/* ---- load.c, checkpoint.c ---- */

/* The records that say what a catalog is and which files it names. */
struct stoa__database_record {
	uint64_t commit;
	struct stoa__log_position log;
	uint32_t next_table;
	uint64_t next_file;
};
int stoa__database_read(struct stoa__reader *r, struct stoa__database_record *out,
			struct stoa_error *err);	/* STOA_EVERSION, STOA_ECORRUPT */
int stoa__file_record_read(struct stoa__reader *r, uint64_t *len, uint64_t *root,
			   struct stoa_error *err);
/* Fills working version @w from the catalog; where the log begins to matter. */
int stoa__load(struct stoa_db *db, struct stoa__version *w, struct stoa__log_position *log,
	       uint64_t *commit, struct stoa_error *err);
/*
 * The same of a catalog opened to be salvaged: what cannot be loaded is left out, and @lost is told
 * which rows that are, of which table (NULL and 0 where that is not known). Indexes are not ready:
 * stoa__indexes_loaded() is to follow.
 */
typedef void stoa__lost(void *ctx, const struct stoa__table *t, uint64_t first, uint64_t last,
			const char *why);
int stoa__load_what_is_left(struct stoa_db *db, struct stoa__version *w, stoa__lost *lost, void *ctx,
			    struct stoa__log_position *log, struct stoa_error *err);
/* Makes an empty catalog's first record. */
int stoa__checkpoint_init(struct stoa__catalog *cat, struct stoa_error *err);
/* Writes what @w (about to be commit number @commit) shows; the writer's lock is held. */
int stoa__checkpoint_working(struct stoa_db *db, struct stoa__version *w, uint64_t commit,
			     struct stoa_error *err);
/* Writes the head; takes the locks it needs. */
int stoa__checkpoint(struct stoa_db *db, struct stoa_error *err);
void stoa__swaps_release(struct stoa_db *db);

/* Reads all bytes of a row group: are its chunks what was stored, and do they fit @schema? */
int stoa__group_verify(const struct stoa__group *g, const struct stoa__schema *schema,
		       struct stoa_error *err);
/* Does it look like a database, if a damaged one? */
bool stoa__dir_is_database(const struct stoa__dir *dir);
/* check.c: stoa_check(), with @locked of a directory whose writer's lock is held by the caller. */
int stoa__check(const char *path, bool locked, stoa_check_report *report, void *ctx,
		struct stoa_error *err);

/* Numbers of tags that begin the catalog's keys; in the order in which records are loaded. */
enum {
	STOA__REC_DATABASE = 1,	/* format, commit, log file, next table, next file */
	STOA__REC_FILE,		/* file: length, root */
	STOA__REC_TABLE,	/* table: schema, frozen, next rowid, tail's first rowid and rows; and
				   where there are some, the first uncounted row and their end */
	STOA__REC_GROUP,	/* table first-rowid: file, index, rows, last rowid, generation */
	STOA__REC_LIVE,		/* table first-rowid block: words */
	STOA__REC_OVERLAY,	/* table first-rowid slot-id page: chunk image */
	STOA__REC_TAIL,		/* table slot-id page: chunk image of it and the rest of its run */
	STOA__REC_KEPT,		/* table first-rowid block: words */
	STOA__REC_COUNTS,	/* table rowid/256: chunk image of 256 counts */

	/* table index-id, and what the kind of index adds (index.h) */
	STOA__REC_SET = 10,
	STOA__REC_DEQUE = 13,	/* to 15: deque_index.h */
	STOA__REC_LAST = 15,
};
#define STOA__FORMAT 5u

#endif
