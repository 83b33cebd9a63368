/* SPDX-License-Identifier: MIT */
/*
 * records.h - logs for tests
 *
 * Record number s of a test has a payload that follows from s (record_payload()), so that a replayed
 * record can be told right from wrong without remembering it.
 */
#ifndef STOA__TESTS_RECORDS_H
#define STOA__TESTS_RECORDS_H

#include "../storage/log.h"
#include "place.h"

#define FIRST "log/00000001.log"

extern const struct stoa__log_position records_begin;

size_t record_len(uint64_t seq);
void record_payload(uint64_t seq, uint8_t *p, size_t len);

/* What replay saw. */
struct replayed {
	uint64_t first;
	uint64_t last;
	uint64_t n;
	size_t (*len)(uint64_t seq);
};

/* For stoa__log_open(): compares, and counts in the struct replayed at @ctx. */
int record_take(void *ctx, uint64_t seq, const uint8_t *payload, size_t len, struct stoa_error *err);
/* @seen may be NULL; it is emptied first. */
int records_open(struct place *p, bool read_only, struct stoa__log_position from,
		 struct replayed *seen, struct stoa__log **log);
void record_append_of(struct place *p, struct stoa__log *log, uint64_t seq, size_t len);
/* The same of record_len(@seq) bytes. */
void record_append(struct place *p, struct stoa__log *log, uint64_t seq);
/* Makes a log of records 1 .. n, each synced, and closes it. */
void records_make(struct place *p, uint64_t n);
void records_write_file(struct place *p, const char *name, const uint8_t *bytes, size_t len);

#endif
