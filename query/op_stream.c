/* SPDX-License-Identifier: MIT */
/* op_stream.c - rows that were put on disk (spill.h), as an operator */
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "op.h"
#include "spill.h"

struct stream {
	struct stoa__op op;
	struct stoa__run *run;
	struct stoa__stream_scan scan;
};

static int stream_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct stream *s = (struct stream *)op;

	STOA_TRY(stoa__run_check(s->run, err));
	return stoa__stream_scan_next(&s->scan, n, err);
}

static int stream_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	(void)err;
	stoa__stream_scan_column(&((struct stream *)in)->scan, i, out);
	return STOA_OK;
}

static void stream_close(struct stoa__op *op)
{
	stoa__stream_scan_release(&((struct stream *)op)->scan);
	stoa__free(op);
}

int stoa__op_stream(const struct stoa__stream *rows, struct stoa__run *run, struct stoa__op **out,
		    struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { stream_next, stream_close, NULL, NULL };
	struct stream *s = stoa__calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return stoa__fail_memory(err);
	s->op.input.column = stream_column;
	s->op.ops = &ops;
	s->run = run;
	int rc = stoa__stream_scan_init(&s->scan, rows, err);
	if (rc < 0) {
		stoa__free(s);
		return rc;
	}
	*out = &s->op;
	return STOA_OK;
}
