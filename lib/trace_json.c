/* SPDX-License-Identifier: MIT */
/*
 * trace_json.c - traces as JSON and back
 *
 *     {"format": "stoa trace", "version": 1, "difference": false, "root":
 *      {"name": "shop.stoa", "kind": "database", "memory": 5280, "disk": 0, ..., "children": [
 *       {"name": "item", "kind": "table", ...
 *
 * A node a line, indented by depth; numbers that are zero are left out. Reading takes any JSON of
 * this shape, in any order of members and with members that it does not know; of a node with
 * children the sums are made again from them. The reader is a walk over the bytes with the open
 * nodes as its stack: what is read is not trusted, so depth and number of nodes have limits, and
 * every error has a place.
 */
#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"

/* Members of a node that are numbers. */
static const struct member {
	const char *name;
	size_t offset;
} members[] = {
	{ "memory", offsetof(struct stoa_trace_node, memory) },
	{ "disk", offsetof(struct stoa_trace_node, disk) },
	{ "unlinked", offsetof(struct stoa_trace_node, unlinked) },
	{ "memory_garbage", offsetof(struct stoa_trace_node, memory_garbage) },
	{ "disk_garbage", offsetof(struct stoa_trace_node, disk_garbage) },
	{ "count", offsetof(struct stoa_trace_node, count) },
};
#define N_MEMBERS (sizeof members / sizeof *members)

static int64_t *number_of(struct stoa_trace_node *node, const struct member *m)
{
	return (int64_t *)(void *)((char *)node + m->offset);
}

/* ---- writing ---- */

static int put_format(struct stoa__buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int put_format(struct stoa__buf *b, const char *format, ...)
{
	char text[128];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return stoa__buf_put(b, text, (size_t)n);
}

static int put_string(struct stoa__buf *b, const char *s)
{
	STOA_TRY(stoa__buf_put_u8(b, '"'));
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20)
			STOA_TRY(put_format(b, "\\u%04x", (unsigned char)*s));
		else if (*s == '"' || *s == '\\')
			STOA_TRY(put_format(b, "\\%c", *s));
		else
			STOA_TRY(stoa__buf_put_u8(b, (uint8_t)*s));
	}
	return stoa__buf_put_u8(b, '"');
}

static int put_node(struct stoa__buf *b, struct stoa_trace_node *node)
{
	STOA_TRY(put_format(b, "%*s{\"name\": ", (int)node->depth + 1, ""));
	STOA_TRY(put_string(b, node->name));
	STOA_TRY(put_format(b, ", \"kind\": \"%s\"", stoa_trace_kind_name(node->kind)));
	for (size_t i = 0; i < N_MEMBERS; i++)
		if (*number_of(node, &members[i]))
			STOA_TRY(put_format(b, ", \"%s\": %" PRId64, members[i].name,
					    *number_of(node, &members[i])));
	return STOA_OK;
}

static int put_nodes(const struct stoa_trace *t, struct stoa__buf *b)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct stoa_trace_node *node = &t->nodes[i];

		STOA_TRY(put_node(b, node));
		if (node->end > i + 1) {
			STOA_TRY(put_format(b, ", \"children\": [\n"));
			continue;
		}
		STOA_TRY(stoa__buf_put_u8(b, '}'));
		/* It may be the last of those above it. */
		for (uint32_t k = i; k && t->nodes[t->nodes[k].parent].end == i + 1;) {
			k = t->nodes[k].parent;
			STOA_TRY(put_format(b, "]}"));
		}
		STOA_TRY(put_format(b, i + 1 < t->n ? ",\n" : ""));
	}
	return STOA_OK;
}

int stoa_trace_json(stoa_trace *trace, const char **out, size_t *len, struct stoa_error *err)
{
	struct stoa__buf b = STOA__BUF_INIT;
	int rc;

	if (!trace || !out)
		return stoa__fail(err, STOA_EINVAL, "a trace, and room for its text, are needed");
	rc = put_format(&b, "{\"format\": \"stoa trace\", \"version\": 1, \"difference\": %s, \"root\":\n",
			trace->is_difference ? "true" : "false");
	if (rc == STOA_OK)
		rc = put_nodes(trace, &b);
	if (rc == STOA_OK)
		rc = stoa__buf_put(&b, "}\n", 3);	/* and a NUL */
	if (rc < 0) {
		stoa__buf_release(&b);
		return stoa__fail_memory(err);
	}
	stoa__buf_release(&trace->json);
	trace->json = b;
	(void)stoa__trace_heap(trace);
	*out = (const char *)b.p;
	if (len)
		*len = b.len - 1;
	return STOA_OK;
}

/* ---- reading ---- */

struct parser {
	const char *begin, *p, *end;
	struct stoa_error *err;
	struct stoa__buf text;	/* of the last string, NUL-terminated */
	struct stoa_trace *t;
	uint32_t depth;		/* of values that are in each other */
};

static int fail_here(const struct parser *j, const char *what)
{
	uint64_t line = 1, column = 1;

	for (const char *p = j->begin; p < j->p; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	return stoa__fail_at(j->err, STOA_ESYNTAX, line, column, "this is not a trace: %s", what);
}

static void skip_blanks(struct parser *j)
{
	while (j->p < j->end && strchr(" \t\r\n", *j->p) && *j->p)
		j->p++;
}

/* Is @c next? Then it is passed over. */
static bool take(struct parser *j, char c)
{
	skip_blanks(j);
	if (j->p == j->end || *j->p != c)
		return false;
	j->p++;
	return true;
}

static int expect(struct parser *j, char c)
{
	char what[] = "'?' is missing";

	what[1] = c;
	return take(j, c) ? STOA_OK : fail_here(j, what);
}

/* Four hexadecimal digits at @p. */
static bool hex4(const char *p, const char *end, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = p + i < end && p[i] ? strchr(digits, p[i] | 0x20) : NULL;

		if (!d)
			return false;
		*out = *out << 4 | (uint32_t)(d - digits);
	}
	return true;
}

static int put_utf8(struct stoa__buf *b, uint32_t c)
{
	if (c < 0x80)
		return stoa__buf_put_u8(b, (uint8_t)c);
	if (c < 0x800) {
		STOA_TRY(stoa__buf_put_u8(b, (uint8_t)(0xc0 | c >> 6)));
	} else {
		if (c < 0x10000) {
			STOA_TRY(stoa__buf_put_u8(b, (uint8_t)(0xe0 | c >> 12)));
		} else {
			STOA_TRY(stoa__buf_put_u8(b, (uint8_t)(0xf0 | c >> 18)));
			STOA_TRY(stoa__buf_put_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f))));
		}
		STOA_TRY(stoa__buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f))));
	}
	return stoa__buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
}

/* \uXXXX, j->p behind the u; with its other half if it is one of a pair. */
static int read_unicode(struct parser *j)
{
	uint32_t c, low;

	if (!hex4(j->p, j->end, &c) || !c)
		return fail_here(j, "a \\u that is no character");
	j->p += 4;
	if (c >= 0xd800 && c < 0xe000) {
		if (c >= 0xdc00 || j->end - j->p < 6 || j->p[0] != '\\' || j->p[1] != 'u' ||
		    !hex4(j->p + 2, j->end, &low) || low < 0xdc00 || low >= 0xe000)
			return fail_here(j, "half a character");
		j->p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return put_utf8(&j->text, c) < 0 ? stoa__fail_memory(j->err) : STOA_OK;
}

static int read_escape(struct parser *j)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (j->p == j->end || !*j->p)
		return fail_here(j, "a text without an end");
	if (*j->p == 'u') {
		j->p++;
		return read_unicode(j);
	}
	at = strchr(from, *j->p);
	if (!at)
		return fail_here(j, "an unknown escape");
	j->p++;
	return stoa__buf_put_u8(&j->text, (uint8_t)to[at - from]) < 0 ? stoa__fail_memory(j->err) :
									 STOA_OK;
}

/* A string into j->text. */
static int read_string(struct parser *j)
{
	STOA_TRY(expect(j, '"'));
	stoa__buf_reset(&j->text);
	for (;;) {
		if (j->p == j->end || !*j->p)
			return fail_here(j, "a text without an end");
		if (*j->p == '"')
			break;
		if (*j->p == '\\') {
			j->p++;
			STOA_TRY(read_escape(j));
		} else if (stoa__buf_put_u8(&j->text, (uint8_t)*j->p++) < 0) {
			return stoa__fail_memory(j->err);
		}
	}
	j->p++;
	return stoa__buf_put_u8(&j->text, 0) < 0 ? stoa__fail_memory(j->err) : STOA_OK;
}

static bool text_is(const struct parser *j, const char *s)
{
	return !strcmp((const char *)j->text.p, s);
}

static int read_integer(struct parser *j, int64_t *out)
{
	bool negative = take(j, '-');
	const char *from = j->p;
	int64_t x = 0;

	while (j->p < j->end && *j->p >= '0' && *j->p <= '9') {
		int digit = *j->p - '0';

		if (__builtin_mul_overflow(x, 10, &x) || __builtin_sub_overflow(x, digit, &x))
			return fail_here(j, "a number that is too large");
		j->p++;
	}
	if (j->p == from || (!negative && x == INT64_MIN))
		return fail_here(j, "a number is missing");
	*out = negative ? x : -x;
	return STOA_OK;
}

/* Passes over a value of a member that is not known. */
static int skip_value(struct parser *j)
{
	static const char others[] = "-+.0123456789eEtrufalsn";
	char open, close;

	skip_blanks(j);
	if (j->p == j->end)
		return fail_here(j, "it ends too soon");
	open = *j->p;
	if (open == '"')
		return read_string(j);
	if (open != '{' && open != '[') {
		const char *from = j->p;

		while (j->p < j->end && *j->p && strchr(others, *j->p))
			j->p++;
		return j->p > from ? STOA_OK : fail_here(j, "a value is missing");
	}
	if (++j->depth > STOA__TRACE_DEPTH_MAX)
		return fail_here(j, "too deep");
	close = open == '{' ? '}' : ']';
	j->p++;
	while (!take(j, close)) {
		if (open == '{') {
			STOA_TRY(read_string(j));
			STOA_TRY(expect(j, ':'));
		}
		STOA_TRY(skip_value(j));
		if (take(j, ','))
			continue;
		STOA_TRY(expect(j, close));
		break;
	}
	j->depth--;
	return STOA_OK;
}

static int kind_of(const struct parser *j)
{
	for (int k = STOA_TRACE_DATABASE; k <= STOA_TRACE_SITE; k++)
		if (text_is(j, stoa_trace_kind_name(k)))
			return k;
	return STOA_TRACE_OTHER;	/* one of a later version */
}

static int read_node(struct parser *j);

static int read_children(struct parser *j)
{
	STOA_TRY(expect(j, '['));
	if (take(j, ']'))
		return STOA_OK;
	do
		STOA_TRY(read_node(j));
	while (take(j, ','));
	return expect(j, ']');
}

/* The value of the member named in j->text, of node number @at. */
static int read_member(struct parser *j, uint32_t at, bool *named)
{
	struct stoa_trace_node *node = &j->t->nodes[at];
	char *name;

	for (size_t i = 0; i < N_MEMBERS; i++)
		if (text_is(j, members[i].name))
			return read_integer(j, number_of(node, &members[i]));
	if (text_is(j, "children"))
		return read_children(j);
	if (text_is(j, "kind")) {
		STOA_TRY(read_string(j));
		node->kind = kind_of(j);
		return STOA_OK;
	}
	if (!text_is(j, "name"))
		return skip_value(j);
	STOA_TRY(read_string(j));
	name = stoa__strndup((const char *)j->text.p, j->text.len - 1);
	if (!name)
		return stoa__fail_memory(j->err);
	stoa__free((char *)(uintptr_t)node->name);
	node->name = name;
	*named = true;
	return STOA_OK;
}

static int read_node(struct parser *j)
{
	uint32_t at = j->t->n;
	bool named = false;
	int64_t count;

	STOA_TRY(expect(j, '{'));
	if (++j->depth > STOA__TRACE_DEPTH_MAX)
		return fail_here(j, "too deep");
	if (at == STOA__TRACE_NODES_MAX)
		return stoa__fail(j->err, STOA_EFULL, "a trace has at most %u nodes",
				  STOA__TRACE_NODES_MAX);
	stoa__trace_open(j->t, STOA_TRACE_OTHER, "", 0);
	if (j->t->failed)
		return stoa__fail_memory(j->err);
	do {
		STOA_TRY(read_string(j));
		STOA_TRY(expect(j, ':'));
		STOA_TRY(read_member(j, at, &named));
	} while (take(j, ','));
	STOA_TRY(expect(j, '}'));
	if (!named)
		return fail_here(j, "a node has no name");
	count = j->t->nodes[at].count;
	if (j->t->n > at + 1)
		j->t->nodes[at] = (struct stoa_trace_node){ .name = j->t->nodes[at].name,
							    .kind = j->t->nodes[at].kind,
							    .parent = j->t->nodes[at].parent,
							    .depth = j->t->nodes[at].depth };
	stoa__trace_close(j->t, count);
	j->depth--;
	return STOA_OK;
}

/* The members around the root. */
static int read_head(struct parser *j)
{
	bool is_trace = false;

	STOA_TRY(expect(j, '{'));
	do {
		STOA_TRY(read_string(j));
		STOA_TRY(expect(j, ':'));
		if (text_is(j, "root") && !j->t->n) {
			STOA_TRY(read_node(j));
		} else if (text_is(j, "format")) {
			STOA_TRY(read_string(j));
			is_trace = text_is(j, "stoa trace");
		} else if (text_is(j, "difference")) {
			skip_blanks(j);
			j->t->is_difference = j->p < j->end && *j->p == 't';
			STOA_TRY(skip_value(j));
		} else {
			STOA_TRY(skip_value(j));
		}
	} while (take(j, ','));
	STOA_TRY(expect(j, '}'));
	skip_blanks(j);
	if (j->p < j->end)
		return fail_here(j, "something follows it");
	if (!is_trace || !j->t->n)
		return fail_here(j, "it has no \"format\": \"stoa trace\", or no \"root\"");
	return STOA_OK;
}

int stoa_trace_parse(const char *json, size_t len, stoa_trace **out, struct stoa_error *err)
{
	struct parser j = { .begin = json, .p = json, .end = json + len, .err = err };
	int rc;

	if (!json || !out)
		return stoa__fail(err, STOA_EINVAL, "a text, and room for a trace, are needed");
	*out = NULL;
	j.t = stoa__trace_new();
	if (!j.t)
		return stoa__fail_memory(err);
	rc = read_head(&j);
	if (rc == STOA_OK && stoa__trace_finish(j.t) < 0)
		rc = stoa__fail_memory(err);
	stoa__buf_release(&j.text);
	if (rc < 0) {
		stoa_trace_free(j.t);
		return rc;
	}
	*out = j.t;
	return STOA_OK;
}
