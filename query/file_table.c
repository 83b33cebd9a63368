/* SPDX-License-Identifier: MIT */
/*
 * file_table.c - read_csv('file' [, option = value ...]), which FROM 'file.csv' is short for
 *
 * The file is looked at when the statement is bound, for its columns and their types, and read as
 * rows are asked for.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/csv/source.h"
#include "table_function.h"

struct file_table {
	struct stoa__relation relation;
	struct stoa__csv_file *file;
};

static int file_open(struct stoa__relation *r, const uint32_t *slots, size_t n_slots,
		     struct stoa__source **out, struct stoa_error *err)
{
	return stoa__csv_file_source(((struct file_table *)r)->file, slots, n_slots, out, err);
}

static void file_free(struct stoa__relation *r)
{
	stoa__csv_file_drop(((struct file_table *)r)->file);
	stoa__free(r);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int wrong(const struct stoa__table_call *call, const struct stoa__table_arg *a,
		 const char *what, struct stoa_error *err)
{
	return stoa__table_fail(call, a, err, STOA_EINVAL, "%.*s is %s", (int)a->name.len, a->name.p,
				what);
}

/* delim, quote: one character. */
static int character(const struct stoa__table_call *call, const char *name, char *out,
		     struct stoa_error *err)
{
	const struct stoa__table_arg *a = stoa__table_arg(call, 0, name);

	if (!a)
		return STOA_OK;
	if (!stoa__table_arg_is_text(a) || a->value.len != 1 || a->value.p[0] <= 0 || strchr("\r\n", a->value.p[0]))
		return wrong(call, a, "one ASCII character", err);
	*out = a->value.p[0];
	return STOA_OK;
}

static int flag(const struct stoa__table_call *call, const char *name, bool *given, bool *out,
		struct stoa_error *err)
{
	const struct stoa__table_arg *a = stoa__table_arg(call, 0, name);

	*given = a != NULL;
	if (a && a->value.type != STOA_BOOL)
		return wrong(call, a, "true or false", err);
	if (a)
		*out = a->value.i;
	return STOA_OK;
}

/* sample = 'all'; without it *@all is left alone. */
static int sample(const struct stoa__table_call *call, bool *all, struct stoa_error *err)
{
	const struct stoa__table_arg *a = stoa__table_arg(call, 0, "sample");

	if (!a)
		return STOA_OK;
	if (!stoa__table_arg_is_text(a) || a->value.len != 3 || strncasecmp(a->value.p, "all", 3))
		return wrong(call, a, "'all', or left out", err);
	*all = true;
	return STOA_OK;
}

static int wishes_of(const struct stoa__table_call *call, struct stoa__csv_wishes *w, bool *all,
		     bool *all_text, struct stoa_error *err)
{
	bool given, header = false;

	STOA_TRY(character(call, "delim", &w->delimiter, err));
	STOA_TRY(character(call, "quote", &w->quote, err));
	if (w->quote && w->quote == (w->delimiter ? w->delimiter : ','))
		return stoa__table_fail(call, NULL, err, STOA_EINVAL,
					"delim and quote are two characters");
	STOA_TRY(flag(call, "header", &given, &header, err));
	w->header = given ? header : -1;
	STOA_TRY(sample(call, all, err));
	return flag(call, "all_text", &given, all_text, err);
}

/* ---- the function ---------------------------------------------------------------------------- */

static int make(struct stoa__csv_file *file, struct stoa__relation **out, struct stoa_error *err)
{
	static const struct stoa__relation_ops ops = { file_open, file_free };
	struct file_table *t = stoa__calloc(1, sizeof *t);

	if (!t) {
		stoa__csv_file_drop(file);
		return stoa__fail_memory(err);
	}
	t->file = file;
	t->relation.ops = &ops;
	t->relation.n_users = 1;
	t->relation.slots = stoa__csv_file_slots(file, &t->relation.n_slots);
	t->relation.n_rows = stoa__csv_file_rows(file);
	*out = &t->relation;
	return STOA_OK;
}

int stoa__table_read_csv(const struct stoa__table_call *call, struct stoa__relation **out,
			 struct stoa_error *err)
{
	static const char *const names[] = { "delim",  "quote", "header", "nullstr",
					     "sample", "all_text", NULL };
	struct stoa__csv_wishes wishes = { .header = -1 };
	struct stoa__csv_file *file = NULL;
	char *path = NULL, *null_text = NULL;
	bool all = false, all_text = false;

	STOA_TRY(stoa__table_args_known(call, 1, 1, names, err));
	STOA_TRY(wishes_of(call, &wishes, &all, &all_text, err));
	int rc = stoa__table_arg_text(call, 0, NULL, &path, err);
	if (rc == STOA_OK)
		rc = stoa__table_arg_text(call, 0, "nullstr", &null_text, err);
	wishes.null_text = null_text ? null_text : "";
	if (rc == STOA_OK)
		rc = stoa__csv_file_open(path, &wishes, all, all_text, &file, err);
	if (rc == STOA_OK)
		rc = make(file, out, err);
	stoa__free(null_text);
	stoa__free(path);
	return rc;
}
