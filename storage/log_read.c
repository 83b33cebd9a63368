/* SPDX-License-Identifier: MIT */
/*
 * log_read.c - reading the redo log: at open, beside a process that writes it, and for a check
 *
 * A walk lists the files, then reads them in order through a window of a megabyte (or a record,
 * if that is larger). The bytes are pictured in log_format.h.
 *
 * (1) Nothing that a file says is believed before a hash vouched for it; a length only so far as
 *     the file is long.
 * (2) Files were listed before they are read, and whether the last one is begun was asked before the
 *     one before it is read; a writer syncs a file before it begins the next. So a file that is not
 *     the last of those that are begun was complete, and must lead up to the next one. A blank file is
 *     zeros behind its header; what is not is begun, though its first record may be torn.
 * (3) Where the last file has no valid record, the log ends, unless a later record proves that one
 *     was there (see *durable* in log_format.h). A writer may be at work on the place that was just
 *     read, so it is read again before it is called damaged: the proof was written after it was
 *     whole.
 */
#include "log_format.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"

#define WINDOW_BYTES ((size_t)1 << 20)

/* ---- names ---- */

void stoa__log_name(uint64_t number, const char *suffix, char name[LOG_NAME_SIZE])
{
	snprintf(name, LOG_NAME_SIZE, "log/%08llu.%s", (unsigned long long)number, suffix);
}

struct listing {
	int (*each)(void *ctx, uint64_t number, const char *name, bool finished);
	void *ctx;
};

static int list_entry(void *ctx, const char *entry)
{
	const struct listing *l = ctx;
	char name[LOG_NAME_SIZE];
	char *end;
	uint64_t number;

	if (entry[0] < '0' || entry[0] > '9')
		return 0;
	number = strtoull(entry, &end, 10);
	if (strcmp(end, ".log") != 0 && strcmp(end, ".new") != 0)
		return 0;
	stoa__log_name(number, end + 1, name);
	if (strcmp(name + strlen("log/"), entry) != 0)
		return 0;	/* not how we write it, so not ours */
	return l->each(l->ctx, number, name, strcmp(end, ".log") == 0);
}

int stoa__log_list(const struct stoa__dir *dir,
		   int (*each)(void *ctx, uint64_t number, const char *name, bool finished),
		   void *ctx, struct stoa_error *err)
{
	struct listing l = { each, ctx };

	return stoa__dir_list(dir, "log", list_entry, &l, err);
}

/* ---- one file ---- */

struct log_reader {
	int fd;
	char name[LOG_NAME_SIZE];
	uint64_t size;
	struct log_header header;
	struct stoa__buf window;	/* bytes of the file from window_at on */
	uint64_t window_at;
};

struct found_record {
	uint64_t seq;
	uint64_t durable;
	const uint8_t *payload;		/* in the window */
	size_t len;
	uint64_t size;
};

static void reader_close(struct log_reader *r)
{
	stoa__file_close(r->fd);
	stoa__buf_release(&r->window);
}

static int check_header(const struct log_reader *r, uint64_t number, struct stoa_error *err)
{
	const struct log_header *h = &r->header;

	if (memcmp(h->magic, LOG_MAGIC, sizeof h->magic) != 0)
		return stoa__fail_corrupt(err, r->name, 0, "it is not a log file");
	if (h->hash != stoa__hash(h, sizeof *h - sizeof h->hash))
		return stoa__fail_corrupt(err, r->name, 0, "the header fails its checksum");
	if (h->version != LOG_VERSION)
		return stoa__fail(err, STOA_EVERSION, "%s has format %u; this version reads %u",
				  r->name, h->version, LOG_VERSION);
	if (h->file != number)
		return stoa__fail_corrupt(err, r->name, 0, "the header is that of another file");
	return STOA_OK;
}

static int reader_open(const struct stoa__dir *dir, uint64_t number, struct log_reader *r,
		       struct stoa_error *err)
{
	int rc;

	memset(r, 0, sizeof *r);
	stoa__log_name(number, "log", r->name);
	rc = stoa__file_open(dir, r->name, O_RDONLY, &r->fd, err);
	if (rc == STOA_OK)
		rc = stoa__file_size_of(r->fd, r->name, &r->size, err);
	if (rc == STOA_OK)
		rc = stoa__file_read(r->fd, r->name, 0, &r->header, sizeof r->header, err);
	if (rc == STOA_OK)
		rc = check_header(r, number, err);
	if (rc < 0)
		reader_close(r);
	return rc;
}

/* Forgets what was read, and looks at the file's length anew: a writer may be at it. */
static int reader_refresh(struct log_reader *r, struct stoa_error *err)
{
	stoa__buf_reset(&r->window);
	return stoa__file_size_of(r->fd, r->name, &r->size, err);
}

/* Bytes [offset, offset + len) into the window: *@p, or NULL when the file ends before. */
static int fetch(struct log_reader *r, uint64_t offset, uint64_t len, const uint8_t **p,
		 struct stoa_error *err)
{
	size_t want = len > WINDOW_BYTES ? (size_t)len : WINDOW_BYTES;
	size_t got;

	*p = NULL;
	if (offset > r->size || len > r->size - offset)
		return STOA_OK;
	if (offset < r->window_at || offset + len > r->window_at + r->window.len) {
		stoa__buf_reset(&r->window);
		if (want > r->size - offset)
			want = (size_t)(r->size - offset);
		if (stoa__buf_reserve(&r->window, want) < 0)
			return stoa__fail_memory(err);
		STOA_TRY(stoa__file_read_some(r->fd, r->name, offset, r->window.p, want, &got, err));
		r->window.len = got;
		r->window_at = offset;
		if (got < len)
			return STOA_OK;
	}
	*p = r->window.p + (offset - r->window_at);
	return STOA_OK;
}

/* The record at @offset: STOA_ROW with *@out, STOA_END if there is no valid one. */
static int read_record(struct log_reader *r, uint64_t offset, struct found_record *out,
		       struct stoa_error *err)
{
	struct log_record rec;
	const uint8_t *p;
	uint64_t size;

	STOA_TRY(fetch(r, offset, sizeof rec, &p, err));
	if (!p)
		return STOA_END;
	memcpy(&rec, p, sizeof rec);
	if (rec.magic != LOG_RECORD_MAGIC)
		return STOA_END;
	size = log_record_size(rec.len);
	STOA_TRY(fetch(r, offset, size, &p, err));
	if (!p || log_record_hash(&rec, p + sizeof rec, r->header.salt, offset) != rec.hash)
		return STOA_END;
	out->seq = rec.seq;
	out->durable = rec.durable;
	out->payload = p + sizeof rec;
	out->len = rec.len;
	out->size = size;
	return STOA_ROW;
}

/* Could the bytes at @p be a record that proves record @seq was once on the disk? */
static bool looks_like_proof(const struct log_reader *r, const uint8_t *p, uint64_t seq)
{
	struct log_record rec;

	memcpy(&rec, p, sizeof rec);
	return rec.magic == LOG_RECORD_MAGIC && rec.durable >= seq && rec.seq > rec.durable &&
	       rec.seq - seq <= r->size / sizeof rec;
}

/*
 * Is there a record in (offset, end) that was written once record @seq was synced? STOA_ROW or
 * STOA_END. A payload can look like many records, but then each must name a sequence number that
 * fits.
 */
static int find_proof(struct log_reader *r, uint64_t offset, uint64_t end, uint64_t seq,
		      struct stoa_error *err)
{
	struct found_record rec;
	const uint8_t *p;
	int rc;

	for (offset += 8; offset < end; offset += 8) {
		STOA_TRY(fetch(r, offset, sizeof(struct log_record), &p, err));
		if (!p)
			return STOA_END;
		if (!looks_like_proof(r, p, seq))
			continue;
		rc = read_record(r, offset, &rec, err);
		if (rc != STOA_END)
			return rc;
	}
	return STOA_END;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && memcmp(p, p + 1, n - 1) == 0);
}

/*
 * Bytes of @p that are not zero move the bounds *@first and *@end; @at is where @p is in the file.
 */
static void widen(const uint8_t *p, size_t n, uint64_t at, uint64_t *first, uint64_t *end)
{
	for (size_t i = 0; i < n; i++) {
		if (!p[i])
			continue;
		if (*end <= *first)
			*first = at + i;
		*end = at + i + 1;
	}
}

/*
 * The first byte from @offset on that is not zero into *@first, one past the last into *@end; else
 * @offset.
 */
static int find_dirty(struct log_reader *r, uint64_t offset, uint64_t *first, uint64_t *end,
		      struct stoa_error *err)
{
	const uint64_t step = 4096;

	*first = offset;
	*end = offset;
	for (uint64_t at = offset; at < r->size;) {
		uint64_t n = r->size - at < step ? r->size - at : step;
		const uint8_t *p;

		STOA_TRY(fetch(r, at, n, &p, err));
		if (!p)
			return STOA_OK;
		if (!all_zero(p, (size_t)n))
			widen(p, (size_t)n, at, first, end);
		at += n;
	}
	return STOA_OK;
}

/* ---- the walk ---- */

/* Which files are there from walk->from on? */
struct inventory {
	uint64_t from;
	uint64_t n;
	uint64_t max;
};

static int take_inventory(void *ctx, uint64_t number, const char *name, bool finished)
{
	struct inventory *inv = ctx;

	(void)name;
	if (!finished || number < inv->from)
		return 0;
	inv->n++;
	if (number > inv->max)
		inv->max = number;
	return 0;
}

/* Is file @number blank, or not there any more? */
static int is_blank(const struct stoa__log_walk *w, uint64_t number, bool *blank,
		    struct stoa_error *err)
{
	uint64_t first, end;
	struct stoa_error e;
	struct log_reader r;
	int rc = reader_open(w->dir, number, &r, &e);

	*blank = rc == STOA_ENOTFOUND;
	if (*blank)
		return STOA_OK;
	if (rc < 0) {
		if (err)
			*err = e;
		return rc;
	}
	rc = find_dirty(&r, sizeof r.header, &first, &end, err);
	*blank = rc == STOA_OK && end == first;
	reader_close(&r);
	return rc;
}

static int count_files(struct stoa__log_walk *w, struct stoa_error *err)
{
	struct inventory inv = { w->from.file, 0, 0 };
	struct stoa_error e;
	bool blank = false;
	int rc = stoa__log_list(w->dir, take_inventory, &inv, &e);

	if (rc < 0 && rc != STOA_ENOTFOUND) {
		if (err)
			*err = e;
		return rc;
	}
	if (inv.n && inv.max - w->from.file + 1 != inv.n) {
		stoa__log_name(w->from.file, "log", w->name);
		return stoa__fail_corrupt(err, w->name, 0, "this or a later log file is missing");
	}
	if (inv.n > 1) {
		stoa__log_name(inv.max, "log", w->name);
		STOA_TRY(is_blank(w, inv.max, &blank, err));
	}
	w->n_files = inv.n - blank;
	return STOA_OK;
}

/*
 * Does a file that begins with record @begins do so where the one before it, or the catalog, left
 * off?
 */
static int check_first(const struct stoa__log_walk *w, const struct log_reader *r, uint64_t begins,
		       bool first, struct stoa_error *err)
{
	uint64_t covered = w->from.seq + 1 > w->next ? w->from.seq + 1 : w->next;

	if (begins > covered)
		return stoa__fail_corrupt(err, r->name, 0,
					  "it begins with record %llu; those from %llu on are lost",
					  (unsigned long long)begins, (unsigned long long)w->next);
	if (!first && begins < w->next)
		return stoa__fail_corrupt(err, r->name, 0,
					  "it begins with record %llu, which is in an older file",
					  (unsigned long long)begins);
	return STOA_OK;
}

/* Takes in the record at w->end, which should be number w->next; or begins a file, @first of all. */
static int take_record(struct stoa__log_walk *w, const struct log_reader *r, bool first,
		       const struct found_record *rec, struct stoa_error *err)
{
	if (w->end == sizeof r->header) {
		STOA_TRY(check_first(w, r, rec->seq, first, err));
		w->next = rec->seq;
	}
	if (rec->seq != w->next)
		return stoa__fail_corrupt(err, r->name, w->end,
					  "record %llu is where %llu should be",
					  (unsigned long long)rec->seq, (unsigned long long)w->next);
	w->next++;
	w->record_bytes += rec->size;
	w->end += rec->size;
	if (rec->seq <= w->from.seq)
		return STOA_OK;
	w->seq = rec->seq;
	return w->replay ? w->replay(w->ctx, rec->seq, rec->payload, rec->len, err) : STOA_OK;
}

/*
 * There is no valid record at w->end: the end, damage, or (STOA_ROW) one that a writer just
 * finished.
 */
static int judge_end(struct stoa__log_walk *w, struct log_reader *r, bool last,
		     struct stoa_error *err)
{
	struct found_record rec;
	int rc;

	if (!last)
		return STOA_END;	/* the next file's header will tell */
	STOA_TRY(find_dirty(r, w->end, &w->dirty, &w->dirty_end, err));
	rc = find_proof(r, w->end, w->dirty_end, w->next, err);
	if (rc != STOA_ROW)
		return rc;
	STOA_TRY(reader_refresh(r, err));
	rc = read_record(r, w->end, &rec, err);
	if (rc != STOA_END)
		return rc;
	return stoa__fail_corrupt(err, r->name, w->end, "record %llu is not valid; later ones are",
				  (unsigned long long)w->next);
}

/* All records of a file. */
static int walk_records(struct stoa__log_walk *w, struct log_reader *r, bool first, bool last,
			struct stoa_error *err)
{
	struct found_record rec;
	int rc;

	for (;;) {
		rc = read_record(r, w->end, &rec, err);
		if (rc == STOA_ROW)
			rc = take_record(w, r, first, &rec, err);
		else if (rc == STOA_END)
			rc = judge_end(w, r, last, err);
		if (rc == STOA_END)
			return STOA_OK;
		if (rc != STOA_OK && rc != STOA_ROW)
			return rc;
	}
}

/* What comes after the records of a file; of the last, judge_end() knows already. */
static int check_rest(struct stoa__log_walk *w, struct log_reader *r, bool last,
		      struct stoa_error *err)
{
	if (!(last ? w->rest_zero_last : w->rest_zero))
		return STOA_OK;
	if (!last)
		STOA_TRY(find_dirty(r, w->end, &w->dirty, &w->dirty_end, err));
	if (w->dirty_end > w->end)
		return stoa__fail_corrupt(err, r->name, w->dirty,
					  "a byte after the last record is not zero");
	return STOA_OK;
}

static int walk_file(struct stoa__log_walk *w, uint64_t i, struct stoa_error *err)
{
	bool last = i + 1 == w->n_files;
	struct log_reader r;
	int rc;

	stoa__log_name(w->from.file + i, "log", w->name);
	STOA_TRY(reader_open(w->dir, w->from.file + i, &r, err));
	w->salt = r.header.salt;
	w->end = sizeof r.header;
	rc = walk_records(w, &r, i == 0, last, err);
	if (rc == STOA_OK)
		rc = check_rest(w, &r, last, err);
	w->size = r.size;
	w->disk_bytes += r.size;
	reader_close(&r);
	return rc;
}

int stoa__log_walk(struct stoa__log_walk *walk, struct stoa_error *err)
{
	int rc;

	walk->seq = walk->from.seq;
	walk->next = walk->from.seq + 1;
	STOA_TRY(count_files(walk, err));
	for (uint64_t i = 0; i < walk->n_files; i++) {
		rc = walk_file(walk, i, err);
		if (rc != STOA_OK)
			return rc;
	}
	return STOA_OK;
}

int stoa__log_check(const struct stoa__dir *dir, struct stoa__log_position from, bool torn_ok,
		    stoa_check_report *report, void *ctx, struct stoa_error *err)
{
	struct stoa__log_walk w = {
		.dir = dir, .from = from, .rest_zero = true, .rest_zero_last = !torn_ok
	};
	struct stoa_error e = { 0 };
	int rc = stoa__log_walk(&w, &e);

	if (rc == STOA_ECORRUPT && report)
		report(ctx, w.name, e.offset, e.text);
	if (rc < 0 && err)
		*err = e;
	return rc;
}
