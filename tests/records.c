/* SPDX-License-Identifier: MIT */
/* records.c - see records.h */
#include "records.h"

#include <fcntl.h>
#include <stdlib.h>

#include "testing.h"

const struct stoa__log_position records_begin = { 1, 0 };

size_t record_len(uint64_t seq)
{
	return seq % 97 == 0 ? 5000 + seq : seq * 7 % 60;
}

void record_payload(uint64_t seq, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seq * 31 + i * 7 + (i >> 8));
}

int record_take(void *ctx, uint64_t seq, const uint8_t *payload, size_t len, struct stoa_error *err)
{
	struct replayed *r = ctx;
	uint8_t *want = malloc(len + 1);

	(void)err;
	if (r->n)
		assert_int_equal(seq, r->last + 1);
	else
		r->first = seq;
	assert_int_equal(len, r->len ? r->len(seq) : record_len(seq));
	record_payload(seq, want, len);
	assert_memory_equal(payload, want, len);
	free(want);
	r->last = seq;
	r->n++;
	return STOA_OK;
}

int records_open(struct place *p, bool read_only, struct stoa__log_position from,
		    struct replayed *seen, struct stoa__log **log)
{
	struct replayed none = { 0 };

	if (!seen)
		seen = &none;
	seen->first = seen->last = seen->n = 0;
	return stoa__log_open(&p->dir, read_only, from, record_take, seen, log, &p->err);
}

void record_append_of(struct place *p, struct stoa__log *log, uint64_t seq, size_t len)
{
	uint8_t *payload = malloc(len + 1);

	record_payload(seq, payload, len);
	assert_int_equal(stoa__log_append(log, seq, payload, len, &p->err), STOA_OK);
	free(payload);
}

void record_append(struct place *p, struct stoa__log *log, uint64_t seq)
{
	record_append_of(p, log, seq, record_len(seq));
}

void records_make(struct place *p, uint64_t n)
{
	struct stoa__log *log;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	for (uint64_t seq = 1; seq <= n; seq++) {
		record_append(p, log, seq);
		assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	}
	stoa__log_close(log, false);
}

void records_write_file(struct place *p, const char *name, const uint8_t *bytes, size_t len)
{
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, name, O_RDWR | O_CREAT | O_TRUNC, &fd, &p->err),
			 STOA_OK);
	assert_int_equal(stoa__file_write(fd, name, 0, bytes, len, &p->err), STOA_OK);
	stoa__file_close(fd);
}
