/* SPDX-License-Identifier: MIT */
/* table_function.c - which functions stand in FROM, and what their makers share */
#include "table_function.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../lib/arrow/ipc.h"
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"

static const struct {
	const char *name;
	stoa__table_maker *make;
} functions[] = {
	{ "deque", stoa__table_deque },
	{ "deques", stoa__table_deques },
	{ "generate_series", stoa__table_series },
	{ "leases", stoa__table_leases },
	{ "read_arrow", stoa__table_read_arrow },
	{ "read_csv", stoa__table_read_csv },
};

void stoa__relation_hold(struct stoa__relation *r)
{
	r->n_users++;
}

void stoa__relation_drop(struct stoa__relation *r)
{
	if (r && --r->n_users == 0)
		r->ops->free(r);
}

static bool called(struct stoa_bytes name, const char *s)
{
	return name.p && strlen(s) == name.len && !strncasecmp(name.p, s, name.len);
}

int stoa__relation_make(const struct stoa__table_call *call, struct stoa__relation **out,
			struct stoa_error *err)
{
	if (call->made) {
		stoa__relation_hold(call->made);
		*out = call->made;
		return STOA_OK;
	}
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		if (!called(call->name, functions[i].name))
			continue;
		if (err)
			err->line = err->column = 0;
		int rc = functions[i].make(call, out, err);
		if (rc < 0 && rc != STOA_ENOMEM && err && !err->line) {
			err->line = call->at.line;
			err->column = call->at.column;
		}
		return rc;
	}
	return stoa__table_fail(call, NULL, err, STOA_ENOTFOUND,
				"there is no function '%.*s' that makes a table",
				(int)(call->name.len > 60 ? 60 : call->name.len), call->name.p);
}

int stoa__table_fail(const struct stoa__table_call *call, const struct stoa__table_arg *arg,
		     struct stoa_error *err, int code, const char *format, ...)
{
	const struct stoa__token *at = arg ? &arg->at : &call->at;
	char text[STOA_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return stoa__fail_at(err, code, at->line, at->column, "%s", text);
}

const struct stoa__table_arg *stoa__table_arg(const struct stoa__table_call *call, size_t i,
					      const char *name)
{
	size_t plain = 0;

	for (size_t k = 0; k < call->n_args; k++) {
		const struct stoa__table_arg *a = &call->args[k];
		if (name ? called(a->name, name) : !a->name.p && plain++ == i)
			return a;
	}
	return NULL;
}

bool stoa__table_arg_is_text(const struct stoa__table_arg *a)
{
	return a->value.type == STOA_TEXT || a->value.type == STOA_STRING;
}

int stoa__table_arg_text(const struct stoa__table_call *call, size_t i, const char *name, char **out,
			 struct stoa_error *err)
{
	const struct stoa__table_arg *a = stoa__table_arg(call, i, name);

	*out = NULL;
	if (!a)
		return STOA_OK;
	if (!stoa__table_arg_is_text(a) || memchr(a->value.p, 0, a->value.len))
		return stoa__table_fail(call, a, err, STOA_ETYPE, "a text is wanted here");
	*out = stoa__strndup(a->value.p, a->value.len);
	return *out ? STOA_OK : stoa__fail_memory(err);
}

struct stoa_bytes stoa__table_function_of(struct stoa_bytes path)
{
	char *s = stoa__strndup(path.p, path.len);
	bool arrow = s && strlen(s) == path.len && stoa__arrow_is_ipc(s);

	stoa__free(s);
	return arrow ? (struct stoa_bytes){ "read_arrow", 10 } : (struct stoa_bytes){ "read_csv", 8 };
}

static bool is_known(struct stoa_bytes name, const char *const *names)
{
	for (; *names; names++)
		if (called(name, *names))
			return true;
	return false;
}

int stoa__table_args_known(const struct stoa__table_call *call, size_t min, size_t max,
			   const char *const *names, struct stoa_error *err)
{
	size_t plain = 0;

	for (size_t i = 0; i < call->n_args; i++) {
		const struct stoa__table_arg *a = &call->args[i];
		if (!a->name.p && ++plain > max)
			return stoa__table_fail(call, a, err, STOA_EINVAL,
						"%.*s() has at most %zu arguments without a name",
						(int)call->name.len, call->name.p, max);
		if (a->name.p && !is_known(a->name, names))
			return stoa__table_fail(call, a, err, STOA_EINVAL,
						"%.*s() has no argument '%.*s'", (int)call->name.len,
						call->name.p,
						(int)(a->name.len > 60 ? 60 : a->name.len), a->name.p);
	}
	if (plain < min)
		return stoa__table_fail(call, NULL, err, STOA_EINVAL,
					"%.*s() wants at least %zu arguments", (int)call->name.len,
					call->name.p, min);
	return STOA_OK;
}
