/* SPDX-License-Identifier: MIT */
/*
 * arrow_table.c - read_arrow('file'), which FROM 'file' is short for when the file is of Arrow's
 * IPC format
 *
 * The schema is read when the statement is bound; each scan opens the file again, and reads the
 * columns that the query wants and no others.
 */
#include <string.h>
#include <unistd.h>

#include "../lib/arrow/ipc.h"
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "cursor_source.h"
#include "table_function.h"

#define ROW_BYTES 32	/* of a row in a file, to guess how many there are */

struct arrow_table {
	struct stoa__relation relation;
	char *path;
	struct stoa_slot *slots;
	char *names;		/* of them, each with its NUL */
};

static void drop(void *ctx)
{
	stoa__relation_drop(ctx);
}

static int table_open(struct stoa__relation *r, const uint32_t *slots, size_t n_slots,
		      struct stoa__source **out, struct stoa_error *err)
{
	struct stoa__arrow_reader *reader;
	stoa_cursor *cur;

	*out = NULL;
	STOA_TRY(stoa__arrow_reader_open(((struct arrow_table *)r)->path, &reader, err));
	if (stoa__arrow_reader_only(reader, slots, n_slots) < 0) {
		stoa__arrow_reader_close(reader);
		return stoa__fail_memory(err);
	}
	STOA_TRY(stoa__arrow_reader_cursor(reader, &cur, err));
	stoa__relation_hold(r);
	return stoa__cursor_source(cur, r->n_rows, drop, r, out, err);
}

static void table_free(struct stoa__relation *r)
{
	struct arrow_table *t = (struct arrow_table *)r;

	stoa__free(t->path);
	stoa__free(t->slots);
	stoa__free(t->names);
	stoa__free(t);
}

/* What its columns are, with names that outlive the reader. */
static int describe(struct arrow_table *t, struct stoa__arrow_reader *reader, struct stoa_error *err)
{
	const struct stoa__arrow_schema *schema = stoa__arrow_reader_schema(reader);
	size_t size = 1;
	char *at;

	for (size_t i = 0; i < schema->n; i++)
		size += strlen(schema->fields[i].name) + 1;
	t->slots = stoa__calloc(schema->n + 1, sizeof *t->slots);
	t->names = at = stoa__alloc(size);
	if (!t->slots || !t->names)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < schema->n; i++) {
		struct stoa_column c;

		STOA_TRY(stoa__arrow_column_of(&schema->fields[i], &c, err));
		t->slots[i] = (struct stoa_slot){ .name = memcpy(at, c.name, strlen(c.name) + 1), .type = c.type,
						  .precision = c.precision, .scale = c.scale };
		at += strlen(at) + 1;
	}
	t->relation.slots = t->slots;
	t->relation.n_slots = schema->n;
	t->relation.n_rows = stoa__arrow_reader_size(reader) / ROW_BYTES + 1;
	if (!schema->n)
		return stoa__fail(err, STOA_EINVAL, "%s has no columns", t->path);
	return STOA_OK;
}

int stoa__table_read_arrow(const struct stoa__table_call *call, struct stoa__relation **out,
			   struct stoa_error *err)
{
	static const struct stoa__relation_ops ops = { table_open, table_free };
	static const char *const names[] = { NULL };
	struct stoa__arrow_reader *reader = NULL;
	struct arrow_table *t;
	char *path;
	int rc;

	STOA_TRY(stoa__table_args_known(call, 1, 1, names, err));
	STOA_TRY(stoa__table_arg_text(call, 0, NULL, &path, err));
	if (access(path, R_OK) == 0 && !stoa__arrow_is_ipc(path)) {
		rc = stoa__table_fail(call, NULL, err, STOA_EINVAL,
				      "%.380s is no Arrow file, or a pipe: 'stoa import' reads one",
				      path);
		stoa__free(path);
		return rc;
	}
	t = stoa__calloc(1, sizeof *t);
	if (!t) {
		stoa__free(path);
		return stoa__fail_memory(err);
	}
	t->relation.ops = &ops;
	t->relation.n_users = 1;
	t->path = path;
	rc = stoa__arrow_reader_open(path, &reader, err);
	if (rc == STOA_OK)
		rc = describe(t, reader, err);
	stoa__arrow_reader_close(reader);
	if (rc < 0) {
		table_free(&t->relation);
		return rc;
	}
	*out = &t->relation;
	return STOA_OK;
}
