/* SPDX-License-Identifier: MIT */
/*
 * trace.c - stoa trace DB|FILE.json: where the bytes are, as a table, a picture or JSON
 *
 * Memory is that of this process: what it takes to have the database open. An application writes
 * its own trace as JSON (stoa_trace_json()), and this shows and compares it all the same.
 */
#include "trace.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct view {
	const char *path;
	const char *older;	/* NULL: nothing to compare with */
	const char *output;
	int measure;
	uint64_t top;		/* 0: the tree */
	uint64_t depth;		/* of the tree */
	enum { AS_TABLE, AS_JSON, AS_SVG } format;
};

static const struct {
	const char *name;
	int measure;
} measures[] = {
	{ "memory", STOA_TRACE_BY_MEMORY },   { "disk", STOA_TRACE_BY_DISK },
	{ "bytes", STOA_TRACE_BY_BYTES },     { "garbage", STOA_TRACE_BY_GARBAGE },
	{ "unlinked", STOA_TRACE_BY_UNLINKED }, { "count", STOA_TRACE_BY_COUNT },
};

/* ---- as a table ---- */

/* Right-aligned in @width columns; zero is left blank. */
static void put_amount(struct text *t, int64_t bytes, bool sign, size_t width)
{
	struct text one = { 0 };

	if (sign && bytes > 0)
		text_puts(&one, "+");
	if (bytes)
		text_put_bytes(&one, bytes);
	text_printf(t, "%*s", (int)width, one.p ? one.p : "");
	text_release(&one);
}

static void put_line(struct text *t, const struct stoa_trace_node *node, const char *name,
		     size_t width, bool sign)
{
	size_t before = t->len;

	text_put_visible(t, name, strlen(name));
	text_printf(t, "%*s", (int)(width - display_width(t->p + before, t->len - before)), "");
	put_amount(t, node->memory, sign, 11);
	put_amount(t, node->disk, sign, 11);
	put_amount(t, node->memory_garbage + node->disk_garbage, sign, 11);
	if (node->count)
		text_printf(t, sign ? "%+12" PRId64 : "%12" PRId64, node->count);
	while (t->p[t->len - 1] == ' ')
		t->len--;
	text_puts(t, "\n");
}

/* A node that is shown: its name, and where it stands. */
struct shown {
	size_t node;
	char *name;
};

static struct shown *add_shown(struct shown *list, size_t *n, size_t node, const char *name)
{
	if (!(*n & (*n - 1)))
		list = xrealloc(list, (*n ? *n * 2 : 1) * sizeof(*list));
	list[(*n)++] = (struct shown){ node, xstrdup(name) };
	return list;
}

static void put_shown(struct text *t, const stoa_trace *trace, struct shown *list, size_t n,
		      bool sign)
{
	size_t width = 8;
	char head[64];

	for (size_t i = 0; i < n; i++) {
		size_t w = display_width(list[i].name, strlen(list[i].name));

		width = w > width ? w : width;
	}
	snprintf(head, sizeof(head), "%11s%11s%11s%12s", "memory", "disk", "garbage", "count");
	text_printf(t, "%*s%s\n", (int)width, "", head);
	for (size_t i = 0; i < n; i++) {
		put_line(t, stoa_trace_node(trace, list[i].node), list[i].name, width, sign);
		free(list[i].name);
	}
	free(list);
}

struct order {
	const stoa_trace *trace;
	const struct view *view;
};

/*
 * The children of node @i, the largest first: an insertion sort, as there are few, or else they are
 * slots in order.
 */
static size_t *children_of(const struct order *o, size_t i, size_t *n)
{
	const struct stoa_trace_node *node = stoa_trace_node(o->trace, i), *child;
	size_t *list = xrealloc(NULL, (node->end - i) * sizeof(*list));

	*n = 0;
	for (size_t k = i + 1; k < node->end; k = child->end) {
		size_t at = (*n)++;
		double size;

		child = stoa_trace_node(o->trace, k);
		size = trace_size(child, o->view->measure);
		while (at && trace_size(stoa_trace_node(o->trace, list[at - 1]),
					o->view->measure) < size) {
			list[at] = list[at - 1];
			at--;
		}
		list[at] = k;
	}
	return list;
}

static bool is_empty(const struct stoa_trace_node *node)
{
	return !node->memory && !node->disk && !node->unlinked;
}

static struct shown *list_tree(const struct order *o, size_t i, struct shown *list, size_t *n)
{
	const struct stoa_trace_node *node = stoa_trace_node(o->trace, i);
	struct text name = { 0 };
	size_t *children, n_children;

	text_printf(&name, "%*s", (int)node->depth * 2, "");
	text_put_visible(&name, node->name, strlen(node->name));
	list = add_shown(list, n, i, name.p);
	text_release(&name);
	if (node->depth >= o->view->depth)
		return list;
	children = children_of(o, i, &n_children);
	for (size_t k = 0; k < n_children; k++)
		if (!is_empty(stoa_trace_node(o->trace, children[k])))
			list = list_tree(o, children[k], list, n);
	free(children);
	return list;
}

static struct shown *list_top(const struct order *o, struct shown *list, size_t *n)
{
	size_t *top = xrealloc(NULL, (o->view->top + 1) * sizeof(*top));
	size_t n_top = stoa_trace_top(o->trace, o->view->measure, top, o->view->top);

	for (size_t i = 0; i < n_top; i++) {
		struct text name = { 0 };
		char path[600];

		(void)stoa_trace_path(o->trace, top[i], path, sizeof(path));
		text_put_visible(&name, path, strlen(path));
		list = add_shown(list, n, top[i], name.p);
		text_release(&name);
	}
	free(top);
	return list;
}

/* ---- reading ---- */

static int read_file(const char *path, struct text *out)
{
	FILE *f = fopen(path, "re");
	char piece[16384];
	size_t got;

	while (f && (got = fread(piece, 1, sizeof(piece), f)))
		text_put(out, piece, got);
	if (!f || ferror(f)) {
		report("%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return CLI_FAILURE;
	}
	fclose(f);
	return CLI_OK;
}

static int read_trace(const char *path, stoa_trace **out)
{
	struct stoa_error err;
	struct text t = { 0 };
	int code = read_file(path, &t);

	if (code == CLI_OK && stoa_trace_parse(t.p ? t.p : "", t.len, out, &err) < 0)
		code = report_error(path, &err);
	text_release(&t);
	return code;
}

static int take_trace(const char *path, stoa_trace **out)
{
	struct stoa_error err;
	struct session s;
	int code = session_read(&s, path);

	if (code != CLI_OK)
		return code;
	if (stoa_trace_take(s.db, out, &err) < 0)
		code = report_error(path, &err);
	return session_end(&s, code);
}

/* A database is a directory, so a file is a trace. */
static int get_trace(const char *path, stoa_trace **out)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? read_trace(path, out) :
							      take_trace(path, out);
}

/* What has changed since the older one: takes *@trace's place. */
static int compare(const struct view *v, stoa_trace **trace)
{
	stoa_trace *older = NULL, *changes = NULL;
	struct stoa_error err;
	int code = get_trace(v->older, &older);

	if (code == CLI_OK && stoa_trace_compare(older, *trace, &changes, &err) < 0)
		code = report_error(v->older, &err);
	stoa_trace_free(older);
	if (code == CLI_OK) {
		stoa_trace_free(*trace);
		*trace = changes;
	}
	return code;
}

/* ---- showing ---- */

static int put_view(struct text *t, const struct view *v, stoa_trace *trace)
{
	struct order o = { trace, v };
	struct shown *list = NULL;
	struct stoa_error err;
	const char *json;
	size_t n = 0;

	switch (v->format) {
	case AS_SVG:
		text_put_treemap(t, trace, v->measure, v->older);
		return CLI_OK;
	case AS_JSON:
		if (stoa_trace_json(trace, &json, &n, &err) < 0)
			return report_error(v->path, &err);
		text_put(t, json, n);
		return CLI_OK;
	case AS_TABLE:
		break;
	}
	list = v->top ? list_top(&o, list, &n) : list_tree(&o, 0, list, &n);
	put_shown(t, trace, list, n, v->older);
	return CLI_OK;
}

static int show(const struct view *v)
{
	stoa_trace *trace = NULL;
	struct target target;
	struct text t = { 0 };
	int code = get_trace(v->path, &trace);

	if (code == CLI_OK && v->older)
		code = compare(v, &trace);
	if (code == CLI_OK)
		code = put_view(&t, v, trace);
	stoa_trace_free(trace);
	if (code == CLI_OK)
		code = target_open(&target, v->output);
	if (code == CLI_OK) {
		fwrite(t.p, 1, t.len, target.out);
		code = target_close(&target, CLI_OK);
	}
	text_release(&t);
	return code;
}

/* ---- options ---- */

static bool take_measure(char *name, void *out)
{
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		if (strcmp(measures[i].name, name) != 0)
			continue;
		*(int *)out = measures[i].measure;
		return true;
	}
	return false;
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static bool take_view(char *name, void *to)
{
	struct view *v = to;

	if (strcmp(name, "table") == 0)
		v->format = AS_TABLE;
	else if (strcmp(name, "json") == 0)
		v->format = AS_JSON;
	else if (strcmp(name, "svg") == 0)
		v->format = AS_SVG;
	else
		return false;
	return true;
}

static bool take_output(char *name, void *to)
{
	struct view *v = to;

	v->output = name;
	if (ends_in(name, ".svg"))
		v->format = AS_SVG;
	else if (ends_in(name, ".json"))
		v->format = AS_JSON;
	return true;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct view v = { .measure = STOA_TRACE_BY_BYTES, .depth = 2 };
	const struct option_rule rules[] = {
		OPTION_TEXT("compare", 0, &v.older),
		OPTION_NUMBER("top", 0, &v.top, 1, 100000),
		OPTION_TAKE("by", 0, take_measure, &v.measure,
			    "memory, disk, bytes, garbage, unlinked or count"),
		OPTION_NUMBER("depth", 0, &v.depth, 0, 100),
		OPTION_TAKE("format", 'f', take_view, &v, "table, json or svg"),
		OPTION_TAKE("output", 'o', take_output, &v, NULL),
	};
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB, or the JSON of a trace, is wanted", &code))
		return code;
	v.path = argv[optind];
	return show(&v);
}

const struct command command_trace = {
	"trace", "DB|FILE.json", "Show where memory and disk are, and what has changed",
	"By table, slot and index: memory that this command needs to have the database open, and\n"
	"disk as du counts it. FILE.json is the trace of an application or an older one.\n\n"
	"      --compare OLD    show what there is more, or less, than in OLD: DB or FILE.json\n"
	"      --top N          only the N largest parts, or changes\n"
	"      --by MEASURE     memory, disk, bytes (both, the default), garbage, unlinked or count\n"
	"      --depth N        of the table: how far down, 2 unless given\n"
	"  -f, --format FORMAT  table, json, or svg for a picture: a treemap\n"
	"  -o, --output FILE    into a file; its name's end, .json or .svg, is a format\n"
	"  -h, --help           this text\n",
	run,
};
