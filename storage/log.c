/* SPDX-License-Identifier: MIT */
/*
 * log.c - the redo log, written: append, group commit, the next file
 *
 *   appended   records are in `pending`, in memory
 *   written    the leader put them into the file
 *   durable    and synced it
 *
 * One thread at a time is the *leader*: it takes all of `pending`, lets go of the mutex, seals the
 * records, writes them with one pwrite for each contiguous run (that is: one), syncs, and wakes the
 * others. Whoever comes meanwhile finds its record still pending, waits, and is then served by the
 * next leader together with all others that waited: nobody has to hope for company, and a single
 * committer pays one pwrite and one fdatasync.
 *
 * A file is zeros before records go over them (log_file.c). Somebody in the background makes the next
 * one *ahead*, when the first is half full, the others as soon as they are begun: zeros take as long as the
 * records that go over them, and a committer waited for up to 16 MiB of them at a time before (a fifth
 * of all the time of large commits). It has its header and its name, too, so that going on in it takes
 * no word to the disk: a header, a name and a folder that were synced then took as long as five commits.
 * For a large record the current file grows instead.
 *
 * Room comes first: a record is appended once the zeros that it goes over are in the file, so that
 * a full disk is found while nothing has been promised, and the transaction can still be aborted. With
 * a file made ahead that is a matter of memory: the log *turns* to it, and who leads next finds in
 * `pending` the end of the one file and the beginning of the other, and syncs the one before it writes
 * the other. Lazy commits that turned with a sync of their own held up all writers for as long
 * as the disk took, 4 ms or 300. If nothing was made ahead, or the turn before is not done, whoever
 * appends makes room as a leader.
 *
 *     pending   [ records of fd ... | turned_len ... records of next ]
 *
 * (1) durable <= written <= appended. `busy` is set while there is a leader.
 * (2) `writing`, fd, name, number, salt, offset, size and harmless belong to the leader, as `next` and
 *     turned_* once `turning` is set; span to who appends; all else to the mutex, but for what is being
 *     made ahead: that is its maker's.
 * (3) fd is -1 when the next record begins a new file, which will have `number`. All of the file before
 *     it is on the disk, so all that is not durable is in the current file, or pending for the next.
 * (4) Once something failed nothing is written any more: after a failed sync nobody knows what is
 *     on the disk.
 * (5) All that is pending has room: in the current file from offset on and, after a turn, in the next
 *     from its header on. It goes to tail, which is at most room.
 * (6) A record's seal names `durable` as of its write. It is exact, as there is one leader.
 * (7) What was made ahead is the file after the current one, or the one that comes if there is none.
 *     While there is a turn to be done nothing is: of all files only the last may be blank.
 */
#include "log_own.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "../lib/core/alloc.h"

#define PENDING_MAX ((size_t)16 << 20)	/* more than that is written without being asked, */
#define PENDING_MANY ((size_t)1 << 20)	/* more than that in the background */
#define YIELDS_MAX 16
#define KEEP_MAX ((size_t)16 << 20)	/* a larger buffer is given back after use */

/* ---- files; the leader's ---- */

/* Ends the current file: all of it is on the disk, @synced by now, and the next record begins another. */
static int end_file(struct stoa__log *log, bool synced, struct stoa_error *err)
{
	if (log->fd < 0)
		return STOA_OK;
	if (!synced)
		STOA_TRY(stoa__file_sync_data(log->fd, log->name, err));
	stoa__file_close(log->fd);
	log->fd = -1;
	log->number++;
	return STOA_OK;
}

/* More room in a file, which counts at once. If the disk is full nothing has changed. */
static int extend(struct stoa__log *log, int fd, const char *name, uint64_t *size, uint64_t end,
		  struct stoa_error *err)
{
	uint64_t before = *size;
	int rc = stoa__log_extend(fd, name, size, end, err);

	log->harmless = rc == STOA_EFULL;
	atomic_fetch_add(&log->disk_bytes, *size - before);
	return rc;
}

/*
 * The next file, if nobody made it, with room for a record of @need bytes. ahead_busy is ours. If the
 * disk is full the current file goes on.
 */
static int need_ahead(struct stoa__log *log, uint64_t need, struct stoa_error *err)
{
	char name[LOG_NAME_SIZE];
	int rc;

	need += sizeof(struct log_header);
	if (log->ahead.fd < 0) {
		log->ahead.size = need > LOG_LARGE ? LOG_GROW_BYTES : stoa__log_size_for(log->span);
		rc = stoa__log_make_blank(log->dir, &log->ahead, NULL, err);
		log->harmless = rc == STOA_EFULL;
		if (rc < 0)
			return rc;
		atomic_fetch_add(&log->disk_bytes, log->ahead.size);
	}
	if (need <= log->ahead.size)
		return STOA_OK;
	stoa__log_name(log->ahead.number, "log", name);
	return extend(log, log->ahead.fd, name, &log->ahead.size, need, err);
}

static void begin_file(struct stoa__log *log, const struct stoa__log_blank *b)
{
	log->fd = b->fd;
	log->size = b->size;
	log->salt = b->salt;
	log->offset = sizeof(struct log_header);
	stoa__log_name(b->number, "log", log->name);
}

/* ---- records; the leader's ---- */

static void seal(struct stoa__log *log, uint8_t *p, uint64_t durable, uint64_t offset)
{
	struct log_record rec;

	memcpy(&rec, p, sizeof rec);
	rec.durable = durable;
	rec.hash = log_record_hash(&rec, p + sizeof rec, log->salt, offset);
	memcpy(p, &rec, sizeof rec);
}

/* Seals and writes bytes [from, end) of log->writing, for which there is room in the current file. */
static int write_records(struct stoa__log *log, size_t from, size_t end, uint64_t durable,
			 struct stoa_error *err)
{
	size_t len = end - from;
	uint8_t *p;

	if (!len)
		return STOA_OK;	/* there may be no buffer yet */
	p = log->writing.p + from;
	for (size_t at = 0; at < len;) {
		uint32_t payload = stoa__load_u32(p + at + offsetof(struct log_record, len));

		seal(log, p + at, durable, log->offset + at);
		at += (size_t)log_record_size(payload);
	}
	STOA_TRY(stoa__file_write(log->fd, log->name, log->offset, p, len, err));
	log->offset += len;
	return STOA_OK;
}

/* Makes room for a record of @size bytes behind all others, which are written. */
static int prepare(struct stoa__log *log, uint64_t size, struct stoa_error *err)
{
	uint64_t before = log->size;

	log->harmless = false;
	if (log->fd >= 0 && size > LOG_LARGE) {
		STOA_TRY(extend(log, log->fd, log->name, &log->size, log->offset + size, err));
		log->span += log->size - before;
		return STOA_OK;
	}
	STOA_TRY(need_ahead(log, size, err));
	STOA_TRY(end_file(log, log->durable >= log->written, err));
	begin_file(log, &log->ahead);
	log->span += log->ahead.size;
	log->ahead.fd = -1;
	return STOA_OK;
}

/* What log->writing has for the current file, then what it has for the next one. */
static int write_turn(struct stoa__log *log, uint64_t durable, struct stoa_error *err)
{
	STOA_TRY(write_records(log, 0, log->turned_len, durable, err));
	STOA_TRY(end_file(log, durable >= log->turned_seq, err));
	begin_file(log, &log->next);
	log->next.fd = -1;
	return write_records(log, log->turned_len, log->writing.len, log->turned_seq, err);
}

/* ---- group commit ---- */

/* Waits until nobody leads, then leads. The mutex is held. */
static void take_lead(struct stoa__log *log)
{
	while (log->busy)
		pthread_cond_wait(&log->cond, &log->mutex);
	log->busy = true;
}

static void give_lead(struct stoa__log *log)
{
	log->busy = false;
	pthread_cond_broadcast(&log->cond);
}

/*
 * Lets those who were served by the last flush put in their next record before this one begins.
 * Without it a crowd splits in two halves that take turns: with 8 threads some 45 us for a commit
 * against 29 with it. A lone committer never waits here. We lead; the mutex is held.
 */
static void let_crowd_in(struct stoa__log *log)
{
	for (int i = 0; i < YIELDS_MAX && log->n_pending < log->crowd; i++) {
		pthread_mutex_unlock(&log->mutex);
		sched_yield();
		pthread_mutex_lock(&log->mutex);
	}
}

static int fail_again(const struct stoa__log *log, struct stoa_error *err)
{
	if (err)
		*err = log->failure;
	return log->failed;
}

/* From here on nothing is written. The mutex is held. */
static int fail_for_good(struct stoa__log *log, int rc, const struct stoa_error *why,
			 struct stoa_error *err)
{
	log->failed = rc;
	log->failure = *why;
	return fail_again(log, err);
}

/*
 * What the leader does: all that is pending to the file, and with @sync to the disk. The mutex is
 * held.
 */
static int lead(struct stoa__log *log, bool sync, struct stoa_error *err)
{
	struct stoa__buf taken = log->pending;
	struct stoa_error e = { 0 };
	uint64_t target = log->appended;
	uint64_t durable = log->durable;
	uint64_t n = log->n_pending;
	bool turning = log->turning;
	int rc;

	log->pending = log->writing;
	log->n_pending = 0;
	log->writing = taken;
	pthread_mutex_unlock(&log->mutex);
	rc = turning ? write_turn(log, durable, &e) :
		       write_records(log, 0, log->writing.len, durable, &e);
	if (rc == STOA_OK && sync && log->fd >= 0)
		rc = stoa__file_sync_data(log->fd, log->name, &e);
	stoa__buf_reset(&log->writing);
	if (log->writing.cap > KEEP_MAX)
		stoa__buf_release(&log->writing);
	pthread_mutex_lock(&log->mutex);
	log->crowd = n + log->n_pending;
	if (rc < 0)
		return fail_for_good(log, rc, &e, err);
	log->written = target;
	if (turning && log->durable < log->turned_seq)
		log->durable = log->turned_seq;
	if (turning)
		log->turning = false;
	if (sync)
		log->durable = target;
	return STOA_OK;
}

/* Returns when record @seq is written (@sync: durable), by whoever. The mutex is held. */
static int reach(struct stoa__log *log, uint64_t seq, bool sync, struct stoa_error *err)
{
	int rc = STOA_OK;

	for (;;) {
		if ((sync ? log->durable : log->written) >= seq)
			return STOA_OK;
		if (log->failed < 0)
			return fail_again(log, err);
		if (log->busy) {
			pthread_cond_wait(&log->cond, &log->mutex);
			continue;
		}
		log->busy = true;
		if (sync)
			let_crowd_in(log);
		rc = lead(log, sync, err);
		give_lead(log);
		if (rc < 0)
			return rc;
	}
}

/* What comes after the current file. We lead, and the mutex is held. */
static void aim_ahead(struct stoa__log *log)
{
	log->ahead.number = log->number + (log->fd >= 0);
	log->ahead.size = stoa__log_size_for(log->span);
	log->ahead_failed = false;
}

/* Waits until nobody makes a file, so that we may. The mutex is held, here and below. */
static void take_ahead_lead(struct stoa__log *log)
{
	while (log->ahead_busy) {
		atomic_store_explicit(&log->ahead_hurry, true, memory_order_relaxed);
		pthread_cond_wait(&log->cond, &log->mutex);
	}
	log->ahead_busy = true;
}

static void give_ahead_lead(struct stoa__log *log)
{
	log->ahead_busy = false;
	pthread_cond_broadcast(&log->cond);
}

/*
 * Goes on in the file that was made ahead, if there is one: who leads next ends the current file. The
 * mutex is held.
 */
static bool turn(struct stoa__log *log, uint64_t size)
{
	if (log->ahead_busy || log->ahead.fd < 0 || log->turning || size > LOG_LARGE)
		return false;
	log->turning = true;
	log->next = log->ahead;
	log->turned_len = log->pending.len;
	log->turned_seq = log->appended;
	log->tail = sizeof(struct log_header);
	log->room = log->next.size;
	log->span += log->next.size;
	log->ahead = (struct stoa__log_blank){ .fd = -1,
					       .number = log->next.number + 1,
					       .size = stoa__log_size_for(log->span) };
	log->ahead_failed = false;
	atomic_store_explicit(&log->wants_file, true, memory_order_relaxed);
	return true;
}

/*
 * A record of @size bytes, the next, can be appended once this succeeds. STOA_EFULL: the log is as
 * it was. The mutex is held.
 */
static int make_room(struct stoa__log *log, uint64_t size, struct stoa_error *err)
{
	struct stoa_error e = { 0 };
	int rc;

	if (log->tail + size <= log->room || turn(log, size))
		return STOA_OK;
	take_lead(log);
	rc = log->failed < 0 ? fail_again(log, err) : lead(log, false, err);
	if (rc == STOA_OK) {
		take_ahead_lead(log);
		pthread_mutex_unlock(&log->mutex);
		rc = prepare(log, size, &e);
		pthread_mutex_lock(&log->mutex);
		aim_ahead(log);
		give_ahead_lead(log);
		log->tail = log->fd < 0 ? 0 : log->offset;
		log->room = log->fd < 0 ? 0 : log->size;
		if (rc < 0 && !log->harmless)
			rc = fail_for_good(log, rc, &e, err);
		else if (rc < 0 && err)
			*err = e;
	}
	give_lead(log);
	return rc;
}

static int refuse_read_only(struct stoa_error *err)
{
	return stoa__fail(err, STOA_EREADONLY, "the log was opened for reading only");
}

/* Puts a record, not yet sealed, into log->pending. */
static int put_record(struct stoa__log *log, uint64_t seq, const void *payload, size_t len,
		      struct stoa_error *err)
{
	struct log_record rec = { LOG_RECORD_MAGIC, (uint32_t)len, seq, 0, 0 };

	if (stoa__buf_reserve(&log->pending, (size_t)log_record_size(rec.len)) < 0)
		return stoa__fail_memory(err);
	stoa__buf_put(&log->pending, &rec, sizeof rec);	/* room is there */
	stoa__buf_put(&log->pending, payload, len);
	stoa__buf_put_zeros(&log->pending, -len & 7);
	log->n_pending++;
	return STOA_OK;
}

/* Is it time to make the next file, after a record of @size bytes? Large ones do without. */
static bool is_file_due(const struct stoa__log *log, uint64_t size)
{
	uint64_t left = log->room - log->tail;

	return !log->turning && !log->ahead_busy && log->ahead.fd < 0 && !log->ahead_failed &&
	       size <= LOG_LARGE && (left < log->room / 2 || left < 4 * size);
}

/* Is there much to write, since the record of @size bytes that came last? Large ones are waited for. */
static bool is_much_pending(const struct stoa__log *log, uint64_t size)
{
	return size <= LOG_LARGE && log->pending.len > PENDING_MANY &&
	       log->pending.len - size <= PENDING_MANY;
}

/* After a record of @size bytes: has the background something to do? The mutex is held. */
static void want_ahead(struct stoa__log *log, uint64_t size)
{
	if (is_file_due(log, size) || is_much_pending(log, size))
		atomic_store_explicit(&log->wants_file, true, memory_order_relaxed);
}

int stoa__log_append(struct stoa__log *log, uint64_t seq, const void *payload, size_t len,
		     struct stoa_error *err)
{
	int rc;

	if (log->read_only)
		return refuse_read_only(err);
	if (len > LOG_PAYLOAD_MAX)
		return stoa__fail(err, STOA_EFULL,
				  "a transaction of %zu bytes is larger than the log can take", len);
	pthread_mutex_lock(&log->mutex);
	if (log->failed < 0)
		rc = fail_again(log, err);
	else if (log->fresh ? seq <= log->appended : seq != log->appended + 1)
		rc = stoa__fail(err, STOA_EINVAL, "log record %llu cannot follow %llu",
				(unsigned long long)seq, (unsigned long long)log->appended);
	else
		rc = make_room(log, log_record_size((uint32_t)len), err);
	if (rc == STOA_OK)
		rc = put_record(log, seq, payload, len, err);
	if (rc == STOA_OK) {
		log->appended = seq;
		log->last_bytes = log_record_size((uint32_t)len);
		log->tail += log->last_bytes;
		log->fresh = false;
		log->record_bytes += log->last_bytes;
		want_ahead(log, log->last_bytes);
		if (log->pending.len > PENDING_MAX)
			rc = reach(log, seq, false, err);
	}
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

int stoa__log_flush(struct stoa__log *log, uint64_t seq, bool sync, struct stoa_error *err)
{
	int rc;

	if (log->read_only)
		return refuse_read_only(err);
	pthread_mutex_lock(&log->mutex);
	rc = reach(log, seq < log->appended ? seq : log->appended, sync, err);
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

int stoa__log_rotate(struct stoa__log *log, struct stoa__log_position *out, struct stoa_error *err)
{
	int rc;

	if (log->read_only)
		return refuse_read_only(err);
	pthread_mutex_lock(&log->mutex);
	take_lead(log);
	rc = log->failed < 0 ? fail_again(log, err) : lead(log, true, err);
	if (rc == STOA_OK) {
		stoa__file_close(log->fd);
		if (log->fd >= 0)
			log->number++;
		log->fd = -1;
		log->tail = log->room = 0;
		log->fresh = true;
		log->span = 0;
		log->record_bytes = log->last_bytes = 0;
		if (!log->ahead_busy && log->ahead.fd < 0)
			aim_ahead(log);
		out->file = log->number;
		out->seq = log->appended;
	}
	give_lead(log);
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

/* ---- the next file, made ahead ---- */

bool stoa__log_wants_file(const struct stoa__log *log)
{
	return atomic_load_explicit(&log->wants_file, memory_order_relaxed);
}

void stoa__log_make_file(struct stoa__log *log)
{
	struct stoa__log_blank b;
	int rc;

	pthread_mutex_lock(&log->mutex);
	atomic_store_explicit(&log->wants_file, false, memory_order_relaxed);
	if (log->turning || log->pending.len > PENDING_MANY)
		(void)reach(log, log->appended, false, NULL);	/* whoever appends hears of it */
	if (log->turning || log->ahead_busy || log->ahead.fd >= 0 || log->failed < 0) {
		pthread_mutex_unlock(&log->mutex);
		return;
	}
	log->ahead_busy = true;
	atomic_store_explicit(&log->ahead_hurry, false, memory_order_relaxed);
	b = log->ahead;
	pthread_mutex_unlock(&log->mutex);
	rc = stoa__log_make_blank(log->dir, &b, &log->ahead_hurry, NULL);
	if (rc == STOA_OK)
		atomic_fetch_add(&log->disk_bytes, b.size);
	pthread_mutex_lock(&log->mutex);
	log->ahead = b;
	log->ahead_failed = rc < 0;
	give_ahead_lead(log);
	pthread_mutex_unlock(&log->mutex);
}

/* Removes it. ahead_busy is ours, or there is nobody else. */
static void drop_ahead(struct stoa__log *log)
{
	if (log->ahead.fd >= 0)
		atomic_fetch_sub(&log->disk_bytes, log->ahead.size);
	stoa__log_drop_blank(log->dir, &log->ahead);
}

/* And if there is little to write into it, since the last rotation, so that a log at rest is small. */
static void drop_idle(struct stoa__log *log)
{
	pthread_mutex_lock(&log->mutex);
	if (!log->ahead_busy && log->ahead.fd >= 0 && log->ahead.size > LOG_FILE_MIN &&
	    log->record_bytes < log->ahead.size / 2) {
		log->ahead_busy = true;
		pthread_mutex_unlock(&log->mutex);
		drop_ahead(log);
		pthread_mutex_lock(&log->mutex);
		log->ahead.size = LOG_FILE_MIN;
		give_ahead_lead(log);
	}
	pthread_mutex_unlock(&log->mutex);
}

/* ---- removing files ---- */

struct removal {
	struct stoa__log *log;
	uint64_t before;	/* numbers below it go */
	bool unfinished;	/* and what was being made */
	struct stoa_error *err;
};

static int remove_file(void *ctx, uint64_t number, const char *name, bool finished)
{
	struct removal *r = ctx;
	uint64_t size;

	if (number >= r->before && (finished || !r->unfinished))
		return STOA_OK;
	STOA_TRY(stoa__file_size(r->log->dir, name, &size, r->err));
	STOA_TRY(stoa__file_unlink(r->log->dir, name, r->err));
	if (finished && atomic_load(&r->log->disk_bytes) >= size)
		atomic_fetch_sub(&r->log->disk_bytes, size);
	return STOA_OK;
}

int stoa__log_drop_before(struct stoa__log *log, uint64_t file, struct stoa_error *err)
{
	struct removal r = { log, file, false, err };

	drop_idle(log);
	return stoa__log_list(log->dir, remove_file, &r, err);
}

/* ---- opening and closing ---- */

static void log_free(struct stoa__log *log)
{
	stoa__file_close(log->fd);
	if (log->turning)
		stoa__file_close(log->next.fd);
	pthread_mutex_destroy(&log->mutex);
	pthread_cond_destroy(&log->cond);
	stoa__buf_release(&log->pending);
	stoa__buf_release(&log->writing);
	stoa__free(log);
}

/*
 * Goes on where the walk ended: wipes a torn end, and makes sure that what was replayed is on the
 * disk.
 */
static int go_on(struct stoa__log *log, const struct stoa__log_walk *w, struct stoa_error *err)
{
	log->number = w->from.file + (w->n_files ? w->n_files - 1 : 0);
	if (!w->n_files)
		return STOA_OK;
	memcpy(log->name, w->name, sizeof log->name);
	log->salt = w->salt;
	log->offset = w->end;
	log->size = w->size;
	log->span = w->disk_bytes;
	STOA_TRY(stoa__file_open(log->dir, log->name, O_RDWR, &log->fd, err));
	if (w->dirty_end > w->end)
		STOA_TRY(stoa__log_write_zeros(log->fd, log->name, w->end, w->dirty_end, err));
	STOA_TRY(stoa__file_sync(log->fd, log->name, err));
	/* The catalog may cover more than the log has: those numbers are gone. */
	if (w->next <= w->from.seq)
		return end_file(log, true, err);
	return STOA_OK;
}

static int open_writable(struct stoa__log *log, struct stoa__log_walk *w, struct stoa_error *err)
{
	struct removal r = { log, w->from.file, true, err };
	char blank[LOG_NAME_SIZE];

	STOA_TRY(stoa__dir_make(log->dir, "log", err));
	STOA_TRY(stoa__log_list(log->dir, remove_file, &r, err));
	STOA_TRY(stoa__log_walk(w, err));
	STOA_TRY(go_on(log, w, err));
	log->fresh = log->fd < 0;
	if (!log->fresh) {
		log->tail = log->offset;
		log->room = log->size;
	}
	aim_ahead(log);
	stoa__log_name(log->ahead.number, "log", blank);
	return stoa__file_unlink(log->dir, blank, err);
}

int stoa__log_open(const struct stoa__dir *dir, bool read_only, struct stoa__log_position from,
		   int (*replay)(void *ctx, uint64_t seq, const uint8_t *payload, size_t len,
				 struct stoa_error *err),
		   void *ctx, struct stoa__log **out, struct stoa_error *err)
{
	struct stoa__log_walk w = { .dir = dir, .from = from, .replay = replay, .ctx = ctx };
	struct stoa__log *log = stoa__calloc(1, sizeof *log);
	int rc;

	*out = NULL;
	if (!log)
		return stoa__fail_memory(err);
	log->dir = dir;
	log->read_only = read_only;
	log->fd = log->ahead.fd = -1;
	pthread_mutex_init(&log->mutex, NULL);
	pthread_cond_init(&log->cond, NULL);
	rc = read_only ? stoa__log_walk(&w, err) : open_writable(log, &w, err);
	if (rc < 0) {
		log_free(log);
		return rc;
	}
	if (read_only) {
		log->number = w.from.file + w.n_files;	/* of the next file */
		memcpy(log->name, w.name, sizeof log->name);
		log->offset = w.n_files ? w.end : 0;
	}
	log->appended = log->written = log->durable = w.seq;
	log->record_bytes = w.record_bytes;
	log->disk_bytes = w.disk_bytes;
	*out = log;
	return STOA_OK;
}

void stoa__log_close(struct stoa__log *log, bool clean)
{
	if (!log)
		return;
	drop_ahead(log);
	if (clean && !log->read_only) {
		struct removal r = { log, UINT64_MAX, true, NULL };

		(void)stoa__log_list(log->dir, remove_file, &r, NULL);
	}
	log_free(log);
}
