/* SPDX-License-Identifier: MIT */
/*
 * db.c - databases opened, watched over and closed
 *
 * A new database is made under another name and renamed when it is complete, so that what has the
 * name is a database.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"

#define LAZY_MS_DEFAULT 100
#define LOG_BYTES_DEFAULT ((uint64_t)64 << 20)
#define MAP_BYTES_DEFAULT ((uint64_t)16 << 30)

/* ---- fork ---- */

uint64_t stoa__fork_generation;

static void forked(void)
{
	stoa__fork_generation++;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forked);
}

int stoa__db_shut(const struct stoa_db *db, struct stoa_error *err)
{
	if (!db)
		return stoa__fail(err, STOA_EINVAL, "the database is NULL");
	return stoa__fail(err, STOA_EFORKED,
			  "the database was opened by the parent process: open it again here");
}

/* ---- creating ---- */

static int fail_path(const char *path, const char *what, struct stoa_error *err)
{
	int e = errno;
	char reason[128];

	return stoa__fail(err, stoa__from_errno(e), "%s: %s: %s", path, what,
			  strerror_r(e, reason, sizeof reason));
}

static int fill_new(const char *path, const struct stoa_options *o, struct stoa_error *err)
{
	struct stoa__catalog_options options = { .create = true, .map_bytes = o->map_bytes };
	struct stoa__catalog *cat = NULL;
	struct stoa__lock lock;
	struct stoa__dir dir;
	int rc;

	STOA_TRY(stoa__random(options.uuid, sizeof options.uuid, err));
	STOA_TRY(stoa__dir_open(path, &dir, err));
	rc = stoa__dir_check_filesystem(&dir, err);
	if (rc == STOA_OK)
		rc = stoa__dir_make(&dir, "log", err);
	if (rc == STOA_OK)
		rc = stoa__dir_make(&dir, "segments", err);
	if (rc == STOA_OK)
		rc = stoa__catalog_open(&dir, &options, &cat, err);
	if (rc == STOA_OK)
		rc = stoa__checkpoint_init(cat, err);
	stoa__catalog_close(cat);
	/* A reader may come before the first writer, and makes no lock file. */
	if (rc == STOA_OK)
		rc = stoa__lock_open(&dir, true, &lock, err);
	if (rc == STOA_OK)
		stoa__lock_close(&lock, true);
	if (rc == STOA_OK)
		rc = stoa__dir_sync(&dir, NULL, err);
	stoa__dir_close(&dir);
	return rc;
}

static int remove_numbered(void *ctx, const char *name)
{
	const char *dot = strrchr(name, '.');

	if (*name >= '0' && *name <= '9' && dot &&
	    (!strcmp(dot, ".seg") || !strcmp(dot, ".log") || !strcmp(dot, ".new")))
		(void)stoa__file_unlink(ctx, name, NULL);
	return 0;
}

void stoa__database_remove(const char *path)
{
	static const char *const subs[] = { "segments", "log" };
	static const char *const names[] = { "catalog.mdb", "catalog.new", "catalog.sum",
					     "consumers",   "lock",	   "log",
					     "segments",    "" };
	char sub[PATH_MAX + 16];
	struct stoa__dir dir;

	for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
		snprintf(sub, sizeof sub, "%s/%s", path, subs[i]);
		if (stoa__dir_open(sub, &dir, NULL) < 0)
			continue;
		(void)stoa__dir_list(&dir, NULL, remove_numbered, &dir, NULL);
		stoa__dir_close(&dir);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(sub, sizeof sub, "%s/%s", path, names[i]);
		if (unlink(sub) < 0)
			(void)rmdir(sub);
	}
}

/*
 * STOA_OK if there is a database at @path and may be; STOA_ENOTFOUND, without words, if there is
 * none.
 */
static int find(const char *path, const struct stoa_options *o, struct stoa_error *err)
{
	char catalog[PATH_MAX];
	struct stat st;

	snprintf(catalog, sizeof catalog, "%s/catalog.mdb", path);
	if (stat(catalog, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ?
			       STOA_ENOTFOUND :
			       fail_path(path, "cannot be opened", err);
	if (o->flags & STOA_OPEN_EXCLUSIVE)
		return stoa__fail(err, STOA_EEXIST, "%s: there is a database already", path);
	return STOA_OK;
}

/*
 * There is a directory that is not empty: fine if it is a database that another process made just
 * now.
 */
static int find_made(const char *path, const struct stoa_options *o, struct stoa_error *err)
{
	int rc = find(path, o, err);

	if (rc != STOA_ENOTFOUND)
		return rc;
	return stoa__fail(err, STOA_EINVAL,
			  "%s: this directory is not empty and not a stoa database: choose another name",
			  path);
}

#define NEW ".new-"		/* between a database's name and eight hexadecimal digits */

struct leftovers {
	const char *parent;
	const char *name;	/* without its folder */
};

/* What a creator that was killed left: one that lives has a claim on its directory. */
static int remove_leftover(void *ctx, const char *entry)
{
	const struct leftovers *l = ctx;
	size_t len = strlen(l->name);
	char path[PATH_MAX + 300];
	int fd;

	if (strncmp(entry, l->name, len) || strncmp(entry + len, NEW, strlen(NEW)) ||
	    strspn(entry + len + strlen(NEW), "0123456789abcdef") != 8 ||
	    strlen(entry) != len + strlen(NEW) + 8)
		return 0;
	snprintf(path, sizeof path, "%s/%s", l->parent, entry);
	if (stoa__dir_claim(path, &fd, NULL) < 0)
		return 0;
	stoa__database_remove(path);
	stoa__file_close(fd);
	return 0;
}

/* As well as can be: it is nobody's need that they go. */
static void remove_leftovers(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	struct leftovers l = { parent, slash ? slash + 1 : path };
	struct stoa__dir dir;

	snprintf(parent, sizeof parent, "%.*s",
		 !slash ? 1 : slash == path ? 1 : (int)(slash - path), slash ? path : ".");
	if (stoa__dir_open(parent, &dir, NULL) < 0)
		return;
	(void)stoa__dir_list(&dir, NULL, remove_leftover, &l, NULL);
	stoa__dir_close(&dir);
}

/*
 * Makes a directory beside @path and claims it. Another creator may take it for a leftover before
 * it is: then another one.
 */
static int make_claimed(const char *path, char temporary[PATH_MAX], int *fd, struct stoa_error *err)
{
	struct stat st;
	uint32_t salt;
	int rc;

	for (int tries = 0;; tries++) {
		STOA_TRY(stoa__random(&salt, sizeof salt, err));
		snprintf(temporary, PATH_MAX, "%s" NEW "%08x", path, salt);
		STOA_TRY(stoa__dir_create(temporary, err));
		rc = stoa__dir_claim(temporary, fd, err);
		if (rc == STOA_OK && stat(temporary, &st) == 0)
			return STOA_OK;
		if (rc == STOA_OK)
			stoa__file_close(*fd);
		(void)rmdir(temporary);
		if (tries == 8 || (rc < 0 && rc != STOA_EBUSY && rc != STOA_ENOTFOUND))
			return rc < 0 ? rc : fail_path(temporary, "has gone", err);
	}
}

/* Makes an empty database at @path. */
static int create(const char *path, const struct stoa_options *o, struct stoa_error *err)
{
	char temporary[PATH_MAX];
	int fd, rc;

	remove_leftovers(path);
	STOA_TRY(make_claimed(path, temporary, &fd, err));
	rc = fill_new(temporary, o, err);
	if (rc == STOA_OK)
		rc = stoa__dir_rename(temporary, path, err);
	if (rc == STOA_EEXIST)
		rc = find_made(path, o, err);
	stoa__database_remove(temporary);	/* still there unless it was renamed */
	stoa__file_close(fd);
	return rc;
}

/* Is there a database at @path? Creates or refuses as the flags say. */
static int ensure(const char *path, const struct stoa_options *o, struct stoa_error *err)
{
	struct stat st;
	int rc;

	if (strlen(path) + 32 > PATH_MAX)
		return stoa__fail(err, STOA_EINVAL, "the path is longer than %d bytes",
				  PATH_MAX - 32);
	rc = find(path, o, err);
	if (rc != STOA_ENOTFOUND)
		return rc;
	if (o->flags & (STOA_OPEN_NO_CREATE | STOA_OPEN_READ_ONLY))
		return stoa__fail(err, STOA_ENOTFOUND, "%s: there is no database", path);
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return stoa__fail(err, STOA_EINVAL,
				  "%s: this is a file; a database is a directory", path);
	if (rmdir(path) < 0 && (errno == ENOTEMPTY || errno == EEXIST))
		return find_made(path, o, err);
	return create(path, o, err);
}

/* ---- opening ---- */

struct replay {
	struct stoa_db *db;
	struct stoa__version *w;
	uint64_t commit;
};

static int replay_record(void *ctx, uint64_t seq, const uint8_t *payload, size_t len,
			 struct stoa_error *err)
{
	struct replay *r = ctx;

	r->commit = seq;
	return stoa__redo_replay(r->w, payload, len, err);
}

/* Numbers of the segment files that a version names. */
struct files_in_use {
	const struct stoa__dir *dir;
	uint64_t *numbers;
	size_t n;
};

/* Removes segment files that no version names: a crash or an aborted bulk load left them. */
static int remove_orphan(void *ctx, const char *name)
{
	struct files_in_use *f = ctx;
	char path[64], *end;
	unsigned long long number = strtoull(name, &end, 10);
	bool used = false;

	if (end == name || strcmp(end, ".seg") != 0)
		return 0;
	for (size_t i = 0; i < f->n && !used; i++)
		used = f->numbers[i] == number;
	if (!used) {
		stoa__segment_name(number, path);
		(void)stoa__file_unlink(f->dir, path, NULL);
	}
	return 0;
}

static int note_file(struct files_in_use *f, const struct stoa__segment *s)
{
	uint64_t number = stoa__segment_file(s), *numbers;

	if (f->n && f->numbers[f->n - 1] == number)
		return STOA_OK;
	numbers = stoa__realloc_array(f->numbers, f->n + 1, sizeof *numbers);
	if (!numbers)
		return STOA_ENOMEM;
	f->numbers = numbers;
	numbers[f->n++] = number;
	return STOA_OK;
}

static int note_group(void *ctx, uint64_t first, void *value)
{
	const struct stoa__group *g = value;

	(void)first;
	return g->base->segment ? note_file(ctx, g->base->segment) : STOA_OK;
}

static int note_run(void *ctx, const struct stoa__segment *s, uint64_t born)
{
	(void)born;
	return note_file(ctx, s);
}

static int note_table(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;

	(void)id;
	STOA_TRY(stoa__tree_walk(t->groups, 0, note_group, ctx));
	return stoa__set_runs_files(t, &(struct stoa__set_run_plans){ 0 }, note_run, ctx);
}

static int remove_orphans(struct stoa_db *db, struct stoa__version *v, struct stoa_error *err)
{
	struct files_in_use f = { &db->dir, NULL, 0 };
	int rc = stoa__tree_walk(v->tables, 0, note_table, &f);

	if (rc == STOA_OK)
		rc = stoa__dir_list(&db->dir, "segments", remove_orphan, &f, err);
	else
		rc = stoa__fail_memory(err);
	stoa__free(f.numbers);
	return rc;
}

/*
 * Reads catalog and log into a new head. The versions before it go as transactions give them up.
 * The catalog's blocks are born under one stamp, the log's under the next, so that the next
 * checkpoint stores the latter.
 */
static int load(struct stoa_db *db, struct stoa_error *err)
{
	struct stoa__version *base = db->history.head;
	struct stoa__version *w = stoa__history_begin(&db->history), *next, *stored = NULL;
	struct stoa__log_position log;
	struct replay r = { .db = db, .w = w };
	struct stoa__log *old = db->log;
	int rc;

	if (!w)
		return stoa__fail_memory(err);
	stoa__table_retire_all(w);
	rc = stoa__load(db, w, &log, &r.commit, err);
	if (rc == STOA_OK && !db->read_only)
		rc = remove_orphans(db, w, err);
	if (rc == STOA_OK) {
		next = stoa__history_freeze(w);
		if (next) {
			stored = w;
			w = r.w = next;
		} else {
			rc = stoa__fail_memory(err);
		}
	}
	if (rc == STOA_OK) {
		db->log = NULL;
		rc = stoa__log_open(&db->dir, db->read_only, log, replay_record, &r, &db->log, err);
	}
	if (rc < 0) {
		db->log = old;
		stoa__history_rollback(w, base, base);
		if (stored)
			stoa__version_drop(stored);
		stoa__history_end(w, base);
		return rc;
	}
	stoa__log_close(old, false);
	db->log_from = log;
	db->checkpoint_stamp = stored->stamp;
	stoa__history_commit(w, base, r.commit, true);
	stoa__version_drop(stored);
	return STOA_OK;
}

/* Opens the catalog afresh and reads everything; its lock is held. */
static int open_and_load(struct stoa_db *db, struct stoa_error *err)
{
	struct stoa__catalog_options options = { .read_only = db->read_only,
						 .map_bytes = db->options.map_bytes };
	uint64_t txnid;
	int rc = stoa__catalog_open(&db->dir, &options, &db->catalog, err);

	if (rc < 0)
		return rc;
	txnid = stoa__catalog_txnid(db->catalog);
	rc = load(db, err);
	if (rc == STOA_OK)
		db->seen_txnid = txnid;
	if (db->read_only) {
		stoa__catalog_close(db->catalog);
		db->catalog = NULL;
	}
	return rc;
}

/* Has the writing process committed anything since we looked? The catalog's lock is held. */
static int has_news(struct stoa_db *db, bool *news, struct stoa_error *err)
{
	uint64_t txnid;

	STOA_TRY(stoa__catalog_peek(&db->dir, &txnid, err));
	*news = txnid != db->seen_txnid;
	return *news ? STOA_OK : stoa__log_has_news(db->log, news, err);
}

/* Takes the catalog's lock and reads everything; with @again only if there is news. */
static int load_locked(struct stoa_db *db, bool again, struct stoa_error *err)
{
	bool news = true;
	int rc;

	STOA_TRY(stoa__lock_catalog(&db->lock, false, err));
	rc = again ? has_news(db, &news, err) : STOA_OK;
	if (rc == STOA_OK && news)
		rc = open_and_load(db, err);
	stoa__unlock_catalog(&db->lock);
	return rc;
}

static int open_files(struct stoa_db *db, struct stoa_error *err)
{
	STOA_TRY(ensure(db->path, &db->options, err));
	STOA_TRY(stoa__dir_open(db->path, &db->dir, err));
	STOA_TRY(stoa__dir_check_filesystem(&db->dir, err));
	STOA_TRY(stoa__lock_open(&db->dir, !db->read_only, &db->lock, err));
	if (db->read_only)
		STOA_TRY(stoa__lock_as_reader(&db->lock, err));
	else
		STOA_TRY(stoa__lock_writer(&db->lock, db->options.busy_ms, err));
	STOA_TRY(load_locked(db, false, err));
	if (db->read_only)
		return STOA_OK;
	stoa__orphans_find(db);
	return stoa__background_start(db, err);
}

static uint32_t processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > UINT16_MAX ? UINT16_MAX : (uint32_t)n;
}

static int take_options(const struct stoa_options *in, struct stoa_options *out,
			struct stoa_error *err)
{
	memset(out, 0, sizeof *out);
	if (in) {
		if (in->size < sizeof(size_t) || in->size > 4096)
			return stoa__fail(err, STOA_EINVAL,
					  "the options' size is %zu: start from STOA_OPTIONS_INIT",
					  in->size);
		memcpy(out, in, in->size < sizeof *out ? in->size : sizeof *out);
	}
	if (out->flags & ~(STOA_OPEN_NO_CREATE | STOA_OPEN_READ_ONLY | STOA_OPEN_EXCLUSIVE))
		return stoa__fail(err, STOA_EINVAL, "unknown flags 0x%x", out->flags);
	if (out->durability < 0 || out->durability > STOA_NONE)
		return stoa__fail(err, STOA_EINVAL, "there is no durability number %d",
				  out->durability);
	if (!out->durability)
		out->durability = STOA_FULL;
	if (!out->lazy_ms)
		out->lazy_ms = LAZY_MS_DEFAULT;
	if (!out->log_max_bytes)
		out->log_max_bytes = LOG_BYTES_DEFAULT;
	if (!out->map_bytes)
		out->map_bytes = MAP_BYTES_DEFAULT;
	if (!out->n_threads)
		out->n_threads = processors();
	return STOA_OK;
}

/* Frees everything that is there, whatever state opening or closing got to. */
static void db_free(struct stoa_db *db, bool clean)
{
	/* An opening that failed before it had a log has changed nothing: it leaves no crash behind. */
	bool as_before = !db->log && !db->lock.crashed;

	stoa__background_stop(db);
	stoa__hands_release(&db->hands);
	stoa__spare_release(db);
	stoa__swaps_release(db);
	stoa__log_close(db->log, clean);
	stoa__catalog_close(db->catalog);
	stoa__bell_close(&db->bell, false);
	if (db->lock.fd >= 0)
		stoa__lock_close(&db->lock, clean || as_before);
	if (db->dir.fd >= 0)
		stoa__dir_close(&db->dir);
	if (db->history.oldest)
		stoa__history_release(&db->history, stoa__table_free_all);
	stoa__symbols_release(&db->symbols);
	stoa__lives_release(&db->lives);
	stoa__gc_release(db);
	pthread_mutex_destroy(&db->mutex);
	pthread_mutex_destroy(&db->checkpoint);
	pthread_mutex_destroy(&db->checkpoint_turn);
	pthread_cond_destroy(&db->writer_free);
	pthread_cond_destroy(&db->work);
	pthread_cond_destroy(&db->caught_up);
	stoa__free(db->path);
	stoa__free(db);
}

static struct stoa_db *db_new(const char *path)
{
	struct stoa_db *db = stoa__calloc(1, sizeof *db);

	if (!db)
		return NULL;
	if (stoa__background_init(db) < 0) {
		stoa__free(db);
		return NULL;
	}
	if (stoa__gc_init(db) < 0) {
		pthread_cond_destroy(&db->work);
		pthread_cond_destroy(&db->caught_up);
		stoa__free(db);
		return NULL;
	}
	db->lock.fd = db->dir.fd = -1;
	db->bell = (struct stoa__bell)STOA__BELL_INIT;
	db->fork_generation = stoa__fork_generation;
	pthread_mutex_init(&db->mutex, NULL);
	pthread_mutex_init(&db->checkpoint, NULL);
	pthread_mutex_init(&db->checkpoint_turn, NULL);
	stoa__lives_init(&db->lives);
	stoa__hands_init(&db->hands, 0);
	pthread_cond_init(&db->writer_free, NULL);
	if (path) {
		size_t len = strlen(path);

		while (len > 1 && path[len - 1] == '/')
			len--;
		db->path = stoa__strndup(path, len);
	}
	if ((path && !db->path) || stoa__symbols_init(&db->symbols) < 0 ||
	    stoa__history_init(&db->history) < 0) {
		db_free(db, false);
		return NULL;
	}
	db->history.symbols = &db->symbols;
	return db;
}

static uint64_t bytes_held(void *ctx)
{
	return stoa__db_bytes(ctx);
}

void stoa__txn_means(stoa_txn *txn, struct stoa__budget **budget, const struct stoa__dir **dir,
		     unsigned *n_threads, struct stoa__hands **hands, bool *no_background)
{
	if (stoa__txn_enter(txn, NULL) < 0)
		return;
	*budget = &txn->db->budget;
	*dir = txn->db->path ? &txn->db->dir : NULL;
	*n_threads = txn->db->options.n_threads;
	*hands = &txn->db->hands;
	*no_background = txn->write;
}

int stoa_open(const char *path, const struct stoa_options *options, stoa_db **out,
	      struct stoa_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct stoa_options taken;
	struct stoa_db *db;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the database");
	*out = NULL;
	STOA_TRY(take_options(options, &taken, err));
	if (path && !strcmp(path, ":memory:"))
		path = NULL;
	if (path && !*path)
		return stoa__fail(err, STOA_EINVAL, "the path is empty");
	pthread_once(&once, watch_forks);
	db = db_new(path);
	if (!db)
		return stoa__fail_memory(err);
	db->options = taken;
	db->hands.n_kept = taken.n_threads;
	db->budget.limit = taken.memory_limit;
	db->budget.held = bytes_held;
	db->budget.ctx = db;
	db->read_only = taken.flags & STOA_OPEN_READ_ONLY;
	rc = path ? open_files(db, err) : STOA_OK;
	if (rc < 0) {
		db_free(db, false);
		return rc;
	}
	*out = db;
	return STOA_OK;
}

/*
 * Does the application hold anything of it? Background work may be at its own holds (a working
 * version that the collector publishes, the version that a checkpoint stores, transactions that
 * take cycles apart): each is waited for under the lock that it works under.
 */
static bool is_busy(struct stoa_db *db)
{
	bool busy;

	pthread_mutex_lock(&db->lives.collecting);
	pthread_mutex_lock(&db->mutex);
	busy = atomic_load(&db->n_txns) || db->n_stmts || db->consumers;
	pthread_mutex_unlock(&db->mutex);
	pthread_mutex_lock(&db->lives.mutex);
	busy = busy || db->lives.n_handles;
	pthread_mutex_unlock(&db->lives.mutex);
	if (!busy) {
		/* No transaction of this thread, which would have the lock already. */
		stoa__writer_lock(db);
		pthread_mutex_lock(&db->checkpoint);
		busy = stoa__history_is_held(&db->history);
		pthread_mutex_unlock(&db->checkpoint);
		stoa__writer_unlock(db);
	}
	pthread_mutex_unlock(&db->lives.collecting);
	return busy;
}

/*
 * Are we a child of fork()? Then the handle is the parent's: threads, mutexes and memory that they
 * guard are as fork() found them, and left alone. But the lock would outlive the parent, were its
 * file open here.
 */
static bool is_of_parent(struct stoa_db *db)
{
	if (stoa__db_enter(db, NULL) != STOA_EFORKED)
		return false;
	if (db->lock.fd >= 0)
		stoa__lock_close(&db->lock, false);
	return true;
}

/* Before a handle is freed: ends background work, unless the application holds something. */
static int end_work(struct stoa_db *db, struct stoa_error *err)
{
	if (is_busy(db))
		return stoa__fail(
			err, STOA_ESTATE,
			"transactions, cursors, statements or handles of rows are open: finish them "
			"first");
	stoa__background_stop(db);
	return STOA_OK;
}

int stoa_close(stoa_db *db, struct stoa_error *err)
{
	bool clean = false;
	int rc = STOA_OK;

	if (!db || is_of_parent(db))
		return STOA_OK;
	STOA_TRY(end_work(db, err));
	if (atomic_load(&db->failed)) {
		rc = stoa__fail(err, STOA_EIO,
				"%s: an earlier write to the disk failed: the newest commits may not be "
				"there when it is reopened", db->path);
	} else if (db->path && !db->read_only) {
		rc = stoa__checkpoint(db, err);
		clean = rc == STOA_OK && stoa__catalog_settle(db->catalog, NULL) == STOA_OK;
		/* Lazy commits count on the checkpoint, or else on the next open to replay them. */
		if (rc < 0)
			(void)stoa__log_flush(db->log, UINT64_MAX, true, NULL);
	}
	db_free(db, clean);
	return rc;
}

/*
 * Takes the name away first: nobody finds half of a database, and what a crash leaves has the name
 * of an unfinished one, which the next creator removes.
 */
static int discard_files(const char *path, struct stoa_error *err)
{
	char temporary[PATH_MAX];
	uint32_t salt;

	STOA_TRY(stoa__random(&salt, sizeof salt, err));
	snprintf(temporary, sizeof temporary, "%s" NEW "%08x", path, salt);
	STOA_TRY(stoa__dir_rename(path, temporary, err));
	stoa__database_remove(temporary);
	return STOA_OK;
}

int stoa_discard(stoa_db *db, struct stoa_error *err)
{
	int rc;

	if (!db || is_of_parent(db))
		return STOA_OK;
	if (db->read_only)
		return stoa__fail(err, STOA_EREADONLY, "%s: the database was opened read-only",
				  db->path);
	STOA_TRY(end_work(db, err));
	rc = db->path ? discard_files(db->path, err) : STOA_OK;
	db_free(db, false);
	return rc;
}

int stoa__db_may_write(struct stoa_db *db, struct stoa_error *err)
{
	if (db->read_only)
		return stoa__fail(err, STOA_EREADONLY, "the database was opened read-only");
	if (atomic_load(&db->failed))
		return stoa__fail(err, STOA_EREADONLY,
				  "an earlier write to the disk failed: the database is read-only "
				  "until it is reopened");
	if (stoa__writer_is_me(db))
		return stoa__fail(err, STOA_ESTATE,
				  "this thread has a write transaction open: finish it first");
	return STOA_OK;
}

int stoa_checkpoint(stoa_db *db, struct stoa_error *err)
{
	STOA_TRY(stoa__db_enter(db, err));
	if (!db->path)
		return STOA_OK;
	STOA_TRY(stoa__db_may_write(db, err));
	return stoa__checkpoint(db, err);
}

bool stoa_is_awaited(stoa_db *db)
{
	return stoa__db_enter(db, NULL) == STOA_OK && db->path && !db->read_only &&
	       stoa__lock_is_awaited(&db->lock);
}

int stoa_refresh(stoa_db *db, struct stoa_error *err)
{
	int rc;

	STOA_TRY(stoa__db_enter(db, err));
	if (!db->path || !db->read_only)
		return STOA_OK;
	stoa__writer_lock(db);
	rc = load_locked(db, true, err);
	stoa__writer_unlock(db);
	return rc;
}
