/* SPDX-License-Identifier: MIT */
/* writer_arrow.c - rows as an Arrow IPC file or stream: columns, as they come out of the library */
#include <unistd.h>

#include "writer.h"

struct arrow {
	struct writer *w;
	struct progress *p;
};

static int on_bytes(void *ctx, const void *p, size_t len, struct stoa_error *err)
{
	struct arrow *a = ctx;

	(void)err;	/* who asks knows by himself */
	if (fwrite(p, 1, len, a->w->out) != len)
		return STOA_EIO;
	return a->p && !writer_goes_on(a->w, a->p) ? STOA_ECANCELED : STOA_OK;
}

static int fail(stoa_cursor *cur, struct stoa_error *err)
{
	stoa_cursor_close(cur);
	*err = (struct stoa_error){ .code = STOA_EINVAL };
	snprintf(err->text, sizeof(err->text),
		 "Arrow is no text to be shown on a terminal: write it to a file or a pipe");
	return err->code;
}

static int cursor(struct writer *w, stoa_cursor *cur, struct progress *p, struct stoa_error *err)
{
	struct stoa_arrow_options options = STOA_ARROW_OPTIONS_INIT;
	struct arrow a = { w, p };

	if (isatty(fileno(w->out)))
		return fail(cur, err);
	options.format = w->options.format == FORMAT_ARROW ? STOA_ARROW_FILE : STOA_ARROW_STREAM;
	options.codec = w->options.codec;
	return stoa_arrow_write(cur, &options, on_bytes, &a, &w->n_rows, err);
}

static void no_row(struct writer *w, const struct stoa_value *values)
{
	(void)w;
	(void)values;
}

const struct writer_ops writer_arrow = { nothing, no_row, nothing, NULL, cursor };
