/* SPDX-License-Identifier: MIT */
/*
 * segment_open.h - a segment file that is open, for who reads it (segment_read.c) and for who gives
 * back what is read no more (segment_holes.c)
 */
#ifndef STOA__SEGMENT_OPEN_H
#define STOA__SEGMENT_OPEN_H

#include <pthread.h>
#include <stdatomic.h>

#include "segment_format.h"

struct stoa__segment {
	atomic_size_t count;
	char name[32];
	uint64_t file;
	uint64_t len;
	struct segment_header header;	/* as it should be */
	struct segment_trailer trailer;	/* verified at open */
	const uint8_t *map;
	pthread_mutex_t mutex;		/* the directory's first use */
	atomic_bool dir_ready;
	uint32_t n_groups;
	uint32_t n_chunks;
	const struct segment_group *groups;	/* in the map */
	const struct segment_chunk *chunks;
	_Atomic uint64_t *verified;	/* a bit for each chunk */
	/* segment_holes.c; under the mutex but for the list: */
	struct stoa__open_segments *list;	/* NULL: in none */
	struct stoa__segment *next, *prev;
	uint32_t *users;		/* of each row group */
	uint32_t n_users;		/* row groups that there is room for */
	int fd;				/* of a file that has no name any more, to give back bytes; or -1 */
	uint64_t given_back;
};

/* STOA_OK once groups and chunks are there. */
int stoa__segment_need_directory(struct stoa__segment *s, struct stoa_error *err);

/* The segment files of a directory that are open in this process. NULL when memory is out. */
struct stoa__open_segments *stoa__open_segments_new(void);
/* The directory gives it up; files may stay open. NULL is fine. */
void stoa__open_segments_unref(struct stoa__open_segments *list);
void stoa__open_segments_add(struct stoa__open_segments *list, struct stoa__segment *s);
/* Its last count has gone. */
void stoa__open_segments_remove(struct stoa__segment *s);

#endif
