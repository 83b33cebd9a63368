/* SPDX-License-Identifier: MIT */
/*
 * segment_read.c - segment files, mapped; their bytes are in segment_format.h
 *
 * Opening looks at the length and the trailer, whatever the file's size. The directory is read and
 * checked when a group is first asked for, a chunk's hash when the chunk is; from then on an answer
 * is a few loads. What was once verified is remembered in a bit; bytes that fail stay unverified,
 * so they are read again, and fail again, each time.
 *
 * (1) dir_ready is set, with release, after groups, chunks and verified are, and they never change
 *     again. Whoever sees it set, with acquire, may read them without a lock.
 * (2) Two threads may verify one chunk at the same time; both come to the same result.
 * (3) Before bytes of the map are hashed for the first time they are populated, so that a disk that
 *     cannot read them is an error and not a signal.
 */
#include "segment_open.h"

#include <fcntl.h>

#include "../lib/core/alloc.h"

/* ---- opening ---- */

static int check_trailer(struct stoa__segment *s, uint64_t root, struct stoa_error *err)
{
	const struct segment_trailer *t = &s->trailer;
	uint64_t at = s->len - sizeof *t;

	if (stoa__hash(t, sizeof *t) != root)
		return stoa__fail_corrupt(err, s->name, at,
					  "its end is not what the catalog says");
	/* From here on the trailer is what the writer wrote, unless hash and catalog both lie. */
	if (memcmp(t->magic, SEGMENT_END_MAGIC, sizeof t->magic) != 0 ||
	    t->hash != stoa__hash(t, sizeof *t - sizeof t->hash))
		return stoa__fail_corrupt(err, s->name, at, "its trailer is not one");
	if (t->version != SEGMENT_VERSION)
		return stoa__fail(err, STOA_EVERSION, "%s has format %u; this version reads %u",
				  s->name, t->version, SEGMENT_VERSION);
	if (t->header_hash != s->header.hash)
		return stoa__fail_corrupt(err, s->name, at,
					  "it is another file, or of another database");
	if (t->file_len != s->len || t->dir_offset % SEGMENT_ALIGN || t->dir_offset >= at ||
	    t->dir_offset < sizeof s->header || t->dir_len != at - t->dir_offset ||
	    t->dir_len < sizeof(struct segment_directory))
		return stoa__fail_corrupt(err, s->name, at, "its directory is out of bounds");
	return STOA_OK;
}

/* Length, map, trailer. */
static int open_file(struct stoa__segment *s, const struct stoa__dir *dir, uint64_t root,
		     struct stoa_error *err)
{
	uint64_t size = 0;
	int fd;
	int rc = stoa__file_open(dir, s->name, O_RDONLY, &fd, err);

	if (rc == STOA_ENOTFOUND)
		return stoa__fail_corrupt(err, s->name, 0, "the catalog names it; it is missing");
	if (rc < 0)
		return rc;
	rc = stoa__file_size_of(fd, s->name, &size, err);
	if (rc == STOA_OK && (size != s->len || size < sizeof s->header + sizeof s->trailer))
		rc = stoa__fail_corrupt(err, s->name, size < s->len ? size : s->len,
					"it has %llu bytes where the catalog says %llu",
					(unsigned long long)size, (unsigned long long)s->len);
	if (rc == STOA_OK)
		rc = stoa__file_read(fd, s->name, size - sizeof s->trailer, &s->trailer,
				     sizeof s->trailer, err);
	if (rc == STOA_OK)
		rc = check_trailer(s, root, err);
	if (rc == STOA_OK)
		rc = stoa__file_map(fd, s->name, s->len, &s->map, err);
	stoa__file_close(fd);
	return rc;
}

int stoa__segment_open(const struct stoa__dir *dir, uint64_t file, const uint8_t uuid[16],
		       uint64_t len, uint64_t root, struct stoa__segment **out,
		       struct stoa_error *err)
{
	struct stoa__segment *s = stoa__calloc(1, sizeof *s);
	int rc;

	*out = NULL;
	if (!s)
		return stoa__fail_memory(err);
	s->count = 1;
	s->file = file;
	s->len = len;
	s->header = segment_header_of(file, uuid);
	pthread_mutex_init(&s->mutex, NULL);
	stoa__segment_name(file, s->name);
	s->fd = -1;
	rc = open_file(s, dir, root, err);
	if (rc < 0) {
		stoa__segment_unref(s);
		return rc;
	}
	stoa__open_segments_add(dir->segments, s);
	*out = s;
	return STOA_OK;
}

/* What the file itself says that the catalog would. */
static int read_claims(const struct stoa__dir *dir, const char *name, struct segment_header *header,
		       uint64_t *len, uint64_t *root, struct stoa_error *err)
{
	struct segment_trailer trailer;
	int fd;
	int rc = stoa__file_open(dir, name, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = stoa__file_size_of(fd, name, len, err);
	if (rc == STOA_OK && *len < sizeof *header + sizeof trailer)
		rc = stoa__fail_corrupt(err, name, *len, "it is too short to be a segment file");
	if (rc == STOA_OK)
		rc = stoa__file_read(fd, name, 0, header, sizeof *header, err);
	if (rc == STOA_OK)
		rc = stoa__file_read(fd, name, *len - sizeof trailer, &trailer, sizeof trailer, err);
	stoa__file_close(fd);
	if (rc == STOA_OK)
		*root = stoa__hash(&trailer, sizeof trailer);
	return rc;
}

int stoa__segment_open_stray(const struct stoa__dir *dir, uint64_t file, struct stoa__segment **out,
			     struct stoa_error *err)
{
	struct segment_header header;
	uint64_t len = 0, root = 0;
	char name[32];

	*out = NULL;
	stoa__segment_name(file, name);
	STOA_TRY(read_claims(dir, name, &header, &len, &root, err));
	return stoa__segment_open(dir, file, header.uuid, len, root, out, err);
}

struct stoa__segment *stoa__segment_ref(struct stoa__segment *s)
{
	atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	return s;
}

void stoa__segment_unref(struct stoa__segment *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->count, 1, memory_order_acq_rel) > 1)
		return;
	stoa__open_segments_remove(s);
	stoa__file_unmap(s->map, s->len);
	pthread_mutex_destroy(&s->mutex);
	stoa__free(s->verified);
	stoa__free(s);
}

uint64_t stoa__segment_file(const struct stoa__segment *s)
{
	return s->file;
}

uint64_t stoa__segment_len(const struct stoa__segment *s)
{
	return s->len;
}

uint64_t stoa__segment_chunk_bytes(const struct stoa__segment *s)
{
	return s->trailer.dir_offset - sizeof s->header;
}

uint64_t stoa__segment_heap(struct stoa__segment *s)
{
	uint64_t bytes = stoa__alloc_size(s);

	pthread_mutex_lock(&s->mutex);
	bytes += stoa__alloc_size(s->users);
	pthread_mutex_unlock(&s->mutex);
	if (atomic_load_explicit(&s->dir_ready, memory_order_acquire))
		bytes += stoa__alloc_size((const void *)s->verified);
	return bytes;
}

uint64_t stoa__segment_root(const struct stoa__segment *s)
{
	return stoa__hash(&s->trailer, sizeof s->trailer);
}

const uint8_t *stoa__segment_bytes(const struct stoa__segment *s)
{
	return s->map;
}

/* ---- directory ---- */

static int fail_directory(const struct stoa__segment *s, const char *why, struct stoa_error *err)
{
	return stoa__fail_corrupt(err, s->name, s->trailer.dir_offset, "its directory %s", why);
}

/* Do the groups share out the chunks, and the chunks the bytes, without gap or overlap? */
static const char *directory_fault(const struct segment_directory *d,
				   const struct segment_group *groups,
				   const struct segment_chunk *chunks, uint64_t dir_offset)
{
	uint64_t end = sizeof(struct segment_header);
	uint64_t n = 0;

	for (uint32_t i = 0; i < d->n_groups; i++) {
		if (groups[i].n_rows < 1 || groups[i].n_rows > STOA_GROUP_MAX)
			return "has a group with too few or too many rows";
		if (groups[i].first != n)
			return "gives a chunk to two groups or to none";
		n += groups[i].n_chunks;
		if (n > d->n_chunks)
			return "has a group with chunks that are not there";
	}
	if (n != d->n_chunks)
		return "has chunks without a group";
	for (uint32_t i = 0; i < d->n_chunks; i++) {
		const struct segment_chunk *c = &chunks[i];

		if (c->offset != end || !c->len || c->len % SEGMENT_ALIGN ||
		    c->len > dir_offset - end)
			return "has a chunk out of its place";
		end += c->len;
	}
	return end == dir_offset ? NULL : "leaves bytes without a chunk";
}

/* Verifies the directory and points into it. The mutex is held. */
static int load_directory(struct stoa__segment *s, struct stoa_error *err)
{
	const uint8_t *p = s->map + s->trailer.dir_offset;
	uint64_t len = s->trailer.dir_len;
	const struct segment_directory *d = (const struct segment_directory *)p;
	const struct segment_group *groups = (const struct segment_group *)(d + 1);
	const struct segment_chunk *chunks;
	const char *why;

	STOA_TRY(stoa__file_populate(p, len, s->name, s->trailer.dir_offset, err));
	if (stoa__hash(p, len) != s->trailer.dir_hash)
		return fail_directory(s, "fails its checksum", err);
	if (sizeof *d + (uint64_t)d->n_groups * sizeof *groups +
		    (uint64_t)d->n_chunks * sizeof *chunks >
	    len)
		return fail_directory(s, "is longer than its place", err);
	chunks = (const struct segment_chunk *)(groups + d->n_groups);
	why = directory_fault(d, groups, chunks, s->trailer.dir_offset);
	if (why)
		return fail_directory(s, why, err);
	s->verified = stoa__calloc((size_t)d->n_chunks / 64 + 1, sizeof *s->verified);
	if (!s->verified)
		return stoa__fail_memory(err);
	s->n_groups = d->n_groups;
	s->n_chunks = d->n_chunks;
	s->groups = groups;
	s->chunks = chunks;
	atomic_store_explicit(&s->dir_ready, true, memory_order_release);
	return STOA_OK;
}

int stoa__segment_need_directory(struct stoa__segment *s, struct stoa_error *err)
{
	int rc = STOA_OK;

	if (atomic_load_explicit(&s->dir_ready, memory_order_acquire))
		return STOA_OK;
	pthread_mutex_lock(&s->mutex);
	if (!atomic_load_explicit(&s->dir_ready, memory_order_relaxed))
		rc = load_directory(s, err);
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

int stoa__segment_n_groups(struct stoa__segment *s, uint32_t *n, struct stoa_error *err)
{
	STOA_TRY(stoa__segment_need_directory(s, err));
	*n = s->n_groups;
	return STOA_OK;
}

/* The directory is there and has @group: whoever asks got the number from the catalog. */
static int need_group(struct stoa__segment *s, uint32_t group, struct stoa_error *err)
{
	STOA_TRY(stoa__segment_need_directory(s, err));
	if (group >= s->n_groups)
		return fail_directory(s, "lacks a group that the catalog names", err);
	return STOA_OK;
}

int stoa__segment_group_rows(struct stoa__segment *s, uint32_t group, uint32_t *n_rows,
			     struct stoa_error *err)
{
	STOA_TRY(need_group(s, group, err));
	*n_rows = s->groups[group].n_rows;
	return STOA_OK;
}

int stoa__segment_each_chunk(struct stoa__segment *s, uint32_t group,
			     void (*each)(void *ctx, uint32_t slot, uint64_t len), void *ctx,
			     struct stoa_error *err)
{
	const struct segment_group *g;

	STOA_TRY(need_group(s, group, err));
	g = &s->groups[group];
	for (uint32_t i = 0; i < g->n_chunks; i++)
		each(ctx, s->chunks[g->first + i].slot, s->chunks[g->first + i].len);
	return STOA_OK;
}

/* ---- chunks ---- */

static int verify_chunk(struct stoa__segment *s, uint32_t i, struct stoa_error *err)
{
	const struct segment_chunk *c = &s->chunks[i];
	const uint8_t *image = s->map + c->offset;

	STOA_TRY(stoa__file_populate(image, c->len, s->name, c->offset, err));
	if (stoa__hash_seeded(image, c->len, segment_seed(s->file, c->offset)) != c->hash)
		return stoa__fail_corrupt(err, s->name, c->offset,
					  "a chunk of %llu bytes fails its checksum",
					  (unsigned long long)c->len);
	atomic_fetch_or_explicit(&s->verified[i / 64], (uint64_t)1 << (i % 64),
				 memory_order_relaxed);
	return STOA_OK;
}

/*
 * The chunk of @slot in @g, or -1. Most groups have the slots 1, 2, 3...: that place is tried
 * first.
 */
static int64_t find_chunk(const struct stoa__segment *s, const struct segment_group *g,
			  uint32_t slot)
{
	const struct segment_chunk *c = s->chunks + g->first;

	if (slot && slot <= g->n_chunks && c[slot - 1].slot == slot)
		return (int64_t)g->first + slot - 1;
	for (uint32_t i = 0; i < g->n_chunks; i++)
		if (c[i].slot == slot)
			return (int64_t)g->first + i;
	return -1;
}

int stoa__segment_chunk(struct stoa__segment *s, uint32_t group, uint32_t slot,
			const uint8_t **image, size_t *len, struct stoa_error *err)
{
	int64_t i;
	uint64_t bits;

	STOA_TRY(need_group(s, group, err));
	i = find_chunk(s, &s->groups[group], slot);
	if (i < 0)
		return STOA_ENOTFOUND;
	bits = atomic_load_explicit(&s->verified[i / 64], memory_order_relaxed);
	if (!(bits >> (i % 64) & 1))
		STOA_TRY(verify_chunk(s, (uint32_t)i, err));
	*image = s->map + s->chunks[i].offset;
	*len = s->chunks[i].len;
	return STOA_OK;
}

/* ---- checking ---- */

/* What a check passes down. */
struct finding {
	stoa_check_report *report;
	void *ctx;
	const char *name;
	int rc;		/* STOA_ECORRUPT once something was found */
};

static void found(struct finding *f, uint64_t offset, const char *what)
{
	if (f->report)
		f->report(f->ctx, f->name, offset, what);
	f->rc = STOA_ECORRUPT;
}

/* An error of a call below: damage is a finding and the check goes on, all else ends it. */
static int found_error(struct finding *f, int rc, const struct stoa_error *e,
		       struct stoa_error *err)
{
	if (rc == STOA_ECORRUPT)
		found(f, e->offset, e->text);
	else if (rc < 0 && err)
		*err = *e;
	return rc == STOA_ECORRUPT ? STOA_OK : rc;
}

static int check_chunk(struct stoa__segment *s, uint32_t i, struct finding *f,
		       int (*open_chunk)(void *ctx, const uint8_t *image, size_t len,
					 const char **why),
		       struct stoa_error *err)
{
	const struct segment_chunk *c = &s->chunks[i];
	struct stoa_error e = { 0 };
	const char *why = "a chunk is malformed";
	int rc = verify_chunk(s, i, &e);

	if (rc < 0)
		return found_error(f, rc, &e, err);
	if (!open_chunk)
		return STOA_OK;
	rc = open_chunk(f->ctx, s->map + c->offset, c->len, &why);
	if (rc == STOA_ECORRUPT)
		found(f, c->offset, why);
	else if (rc < 0)
		return stoa__fail(err, rc, "cannot check %s: %s", s->name, why);
	return STOA_OK;
}

int stoa__segment_check(struct stoa__segment *s,
			int (*open_chunk)(void *ctx, const uint8_t *image, size_t len, const char **why),
			stoa_check_report *report, void *ctx, struct stoa_error *err)
{
	struct finding f = { report, ctx, s->name, STOA_OK };
	struct stoa_error e = { 0 };
	int rc;

	STOA_TRY(stoa__file_populate(s->map, sizeof s->header, s->name, 0, err));
	if (memcmp(s->map, &s->header, sizeof s->header) != 0)
		found(&f, 0, "the header is not that of this file");
	if (memcmp(s->map + s->len - sizeof s->trailer, &s->trailer, sizeof s->trailer) != 0)
		found(&f, s->len - sizeof s->trailer, "the trailer has changed since it was opened");
	rc = stoa__segment_need_directory(s, &e);
	if (rc < 0) {
		STOA_TRY(found_error(&f, rc, &e, err));
	} else {
		if (stoa__hash(s->map + s->trailer.dir_offset, s->trailer.dir_len) !=
		    s->trailer.dir_hash)
			found(&f, s->trailer.dir_offset, "the directory fails its checksum");
		for (uint32_t i = 0; i < s->n_chunks; i++)
			STOA_TRY(check_chunk(s, i, &f, open_chunk, err));
	}
	if (f.rc < 0)
		return stoa__fail(err, f.rc, "%s is damaged", s->name);
	return STOA_OK;
}
