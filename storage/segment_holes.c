/* SPDX-License-Identifier: MIT */
/*
 * segment_holes.c - what is left of a file that was unlinked
 *
 *     group      0       1       2       3
 *     users      0       0       1       2      bases that read it
 *     bytes   | hole          | there         | directory, trailer |
 *
 * An unlinked file takes its space until the last map of it goes, and a cursor that visits the last
 * of its row groups would keep all of it. So the readers of each group are counted, and when a group
 * of an unlinked file has none left, a hole is punched where it was. The file keeps its length and
 * the other groups their places.
 *
 * (1) Holes are punched only into files that nobody else can read: the catalog names the file no
 *     more, no other process has it open (lock.h), and it has no other name: a copy of the directory
 *     may be made of links.
 * (2) Once that is so it stays so: who opens files later reads a catalog that does not name this one.
 * (3) A group without users never has one again: bases are made of groups of files that are named.
 * (4) A hole spans all neighbours without users, so that pages between two of them go, too.
 *
 * A hole takes a descriptor of the file, opened before its name goes. There are FDS_MAX of them at
 * most, for the application needs some as well; other files go as a whole. A cursor is in the midst of
 * one file at a time.
 */
#include "segment_open.h"

#include <fcntl.h>

#include "../lib/core/alloc.h"

#define FDS_MAX 64

/* Goes with the last of the directory and its segments. */
struct stoa__open_segments {
	atomic_size_t count;
	pthread_mutex_t mutex;		/* of the list, and taken before a segment's */
	struct stoa__segment *first;
	unsigned n_fds;
};

/* ---- the list ---- */

struct stoa__open_segments *stoa__open_segments_new(void)
{
	struct stoa__open_segments *list = stoa__calloc(1, sizeof *list);

	if (!list)
		return NULL;
	list->count = 1;
	pthread_mutex_init(&list->mutex, NULL);
	return list;
}

void stoa__open_segments_unref(struct stoa__open_segments *list)
{
	if (!list || atomic_fetch_sub(&list->count, 1) > 1)
		return;
	pthread_mutex_destroy(&list->mutex);
	stoa__free(list);
}

void stoa__open_segments_add(struct stoa__open_segments *list, struct stoa__segment *s)
{
	s->list = list;
	atomic_fetch_add(&list->count, 1);
	pthread_mutex_lock(&list->mutex);
	s->next = list->first;
	if (s->next)
		s->next->prev = s;
	list->first = s;
	pthread_mutex_unlock(&list->mutex);
}

void stoa__open_segments_remove(struct stoa__segment *s)
{
	struct stoa__open_segments *list = s->list;

	if (list) {
		pthread_mutex_lock(&list->mutex);
		if (s->next)
			s->next->prev = s->prev;
		*(s->prev ? &s->prev->next : &list->first) = s->next;
		list->n_fds -= s->fd >= 0;
		pthread_mutex_unlock(&list->mutex);
		stoa__open_segments_unref(list);
	}
	stoa__file_close(s->fd);
	stoa__free(s->users);
}

/* Counts @s once more, unless its last count is just going. */
static bool try_ref(struct stoa__segment *s)
{
	size_t n = atomic_load(&s->count);

	while (n && !atomic_compare_exchange_weak(&s->count, &n, n + 1))
		;
	return n;
}

/* Is a row group of it read? Otherwise it goes as a whole; files of indexes always do. */
static bool has_users(struct stoa__segment *s)
{
	bool has = false;

	pthread_mutex_lock(&s->mutex);
	for (uint32_t i = 0; i < s->n_users && !has; i++)
		has = s->users[i];
	pthread_mutex_unlock(&s->mutex);
	return has;
}

/* The segment of file number @file, counted; NULL: it is not open, or more than once. */
static struct stoa__segment *find(struct stoa__open_segments *list, uint64_t file)
{
	struct stoa__segment *found = NULL;
	unsigned n = 0;

	pthread_mutex_lock(&list->mutex);
	for (struct stoa__segment *s = list->first; s; s = s->next) {
		if (s->file != file)
			continue;
		n++;
		found = s;
	}
	if (n != 1 || !has_users(found) || list->n_fds == FDS_MAX || !try_ref(found))
		found = NULL;
	list->n_fds += found != NULL;
	pthread_mutex_unlock(&list->mutex);
	return found;
}

/* ---- holes; the segment's mutex is held ---- */

static uint64_t begin_of(const struct stoa__segment *s, uint64_t chunk)
{
	return chunk < s->n_chunks ? s->chunks[chunk].offset : s->trailer.dir_offset;
}

static bool is_used(const struct stoa__segment *s, uint32_t group)
{
	return group < s->n_users && s->users[group];
}

/* Gives back the bytes of groups [@first, @end), if the file system can. */
static bool punch(struct stoa__segment *s, uint32_t first, uint32_t end)
{
	const struct segment_group *last = &s->groups[end - 1];
	uint64_t from = begin_of(s, s->groups[first].first);
	uint64_t to = begin_of(s, last->first + last->n_chunks);

	return to == from || stoa__file_punch(s->fd, s->name, from, to - from, NULL) == STOA_OK;
}

static void count_given_back(struct stoa__segment *s)
{
	s->given_back = 0;
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!is_used(s, i))
			s->given_back += begin_of(s, s->groups[i].first + s->groups[i].n_chunks) -
					 begin_of(s, s->groups[i].first);
}

/* Gives back all that has no users. */
static void punch_all(struct stoa__segment *s)
{
	for (uint32_t i = 0, end; i < s->n_groups; i = end + 1) {
		for (end = i; end < s->n_groups && !is_used(s, end);)
			end++;
		if (end > i && !punch(s, i, end))
			return;
	}
	count_given_back(s);
}

/* ---- users ---- */

static int make_room(struct stoa__segment *s, uint32_t group)
{
	uint32_t n = group < 8 ? 8 : group * 2;
	uint32_t *users;

	if (group < s->n_users)
		return STOA_OK;
	users = stoa__realloc_array(s->users, n, sizeof *users);
	if (!users)
		return STOA_ENOMEM;
	memset(users + s->n_users, 0, (n - s->n_users) * sizeof *users);
	s->users = users;
	s->n_users = n;
	return STOA_OK;
}

int stoa__segment_hold_group(struct stoa__segment *s, uint32_t group)
{
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = make_room(s, group);
	if (rc == STOA_OK)
		s->users[group]++;
	pthread_mutex_unlock(&s->mutex);
	if (rc == STOA_OK)
		(void)stoa__segment_ref(s);
	return rc;
}

void stoa__segment_drop_group(struct stoa__segment *s, uint32_t group)
{
	pthread_mutex_lock(&s->mutex);
	if (!--s->users[group] && s->fd >= 0)
		punch_all(s);
	pthread_mutex_unlock(&s->mutex);
	stoa__segment_unref(s);
}

/* ---- a name goes ---- */

int stoa__segment_retire(const struct stoa__dir *dir, uint64_t file, bool alone,
			 struct stoa_error *err)
{
	struct stoa__segment *s = alone ? find(dir->segments, file) : NULL;
	int rc, fd = -1;

	if (s && stoa__segment_need_directory(s, NULL) == STOA_OK)
		(void)stoa__file_open(dir, s->name, O_RDWR, &fd, NULL);
	rc = stoa__segment_unlink(dir, file, err);
	if (!s)
		return rc;
	if (fd >= 0 && (rc < 0 || !stoa__file_is_nameless(fd))) {
		stoa__file_close(fd);
		fd = -1;
	}
	pthread_mutex_lock(&dir->segments->mutex);
	dir->segments->n_fds -= fd < 0;
	pthread_mutex_unlock(&dir->segments->mutex);
	pthread_mutex_lock(&s->mutex);
	s->fd = fd;
	if (fd >= 0)
		punch_all(s);
	pthread_mutex_unlock(&s->mutex);
	stoa__segment_unref(s);
	return rc;
}

uint64_t stoa__segment_left(struct stoa__segment *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->mutex);
	n = s->len - s->given_back;
	pthread_mutex_unlock(&s->mutex);
	return n;
}
