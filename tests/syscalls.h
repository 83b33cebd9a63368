/* SPDX-License-Identifier: MIT */
/*
 * syscalls.h - system calls on files, LMDB's included, recorded or made to fail
 *
 * A test that links this defines open(), pwrite(), fsync() and their kin itself, which the dynamic
 * linker prefers to the C library's, for shared libraries too: whatever library writes, it passes
 * here. Files below one directory count, all others pass unseen.
 */
#ifndef STOA__TEST_SYSCALLS_H
#define STOA__TEST_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call {
	CALL_CREATE,	/* a file that was not there */
	CALL_MKDIR,
	CALL_WRITE,	/* @len bytes @p at @offset; @sync: and waited for the disk */
	CALL_TRUNCATE,	/* to @offset */
	CALL_SYNC,	/* a file's data, or a directory's names */
	CALL_UNLINK,
	CALL_RENAME,	/* to @to */
	CALL_MARK,	/* none: the test's own, with @offset */
};

struct call_record {
	enum call call;
	char name[48], to[48];	/* from the directory on; "" is itself */
	uint64_t offset;
	uint8_t *p;
	size_t len;
	bool sync;
};

/* From now on calls on files below @dir are seen; NULL: none. */
void syscalls_watch(const char *dir);
/* And recorded, into memory that syscalls_record_end() hands to the caller. One at a time. */
void syscalls_record(void);
struct call_record *syscalls_record_end(size_t *n);
void syscalls_free(struct call_record *records, size_t n);
/* Puts a CALL_MARK into the record. */
void syscalls_mark(uint64_t what);

enum which {
	ALL_CALLS,	/* that change something */
	ALL_SYNCS,
	OUR_WRITES,
	LMDB_WRITES,	/* to catalog.mdb */
	ALL_LOOKS,	/* opening what is there, reading, mapping, asking for the size; linking */
	OUR_READS,	/* of all files but catalog.mdb */
	ALL_LOCKS,
};

/*
 * Of these calls number @nth from now on (0 is the next), and with @forever all after it, fails
 * with @errno_value; 0: a write writes half, a read reads half. Closing is no call.
 */
void syscalls_fail(enum which which, long nth, int errno_value, bool forever);
/* Ends it: did a call fail? */
bool syscalls_fail_end(void);

#endif
