/* SPDX-License-Identifier: MIT */
/*
 * set.c - stoa set ACTION DB SET ...: a table of one slot with a unique index, as a set of values
 *
 * Values come from the command line, or one a line from standard input, which is read as they are
 * needed: all of them are one transaction. A set that is added to is made if it is missing.
 */
#include "cli.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

struct set {
	struct session s;
	stoa_table table;
	stoa_index index;
	struct stoa_slot slot;
	uint64_t n_done;	/* values that the action did something to */
	uint64_t n_seen;
};

/* ---- the table behind a set ---- */

static int make_set(struct set *set, const char *name)
{
	static const struct stoa_slot slot = { .name = "value", .type = STOA_STRING,
					       .flags = STOA_NOT_NULL };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	static const uint32_t first;
	struct stoa_error err;
	stoa_table table;

	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE | STOA_INDEX_PRIMARY;
	o.slots = &first;
	o.n_slots = 1;
	if (stoa_table_create(set->s.txn, name, &slot, 1, &table, &err) < 0 ||
	    stoa_index_create(set->s.txn, table, &o, NULL, &err) < 0)
		return report_error(set->s.path, &err);
	return CLI_OK;
}

/* The unique index that makes the table a set; 0 if there is none. */
static stoa_index unique_index(struct set *set)
{
	struct stoa_index_info info;
	stoa_index index = 0;

	while (stoa_index_next(set->s.txn, set->table, index, &index, NULL) == STOA_ROW)
		if (stoa_index_info(set->s.txn, set->table, index, &info, NULL) == STOA_OK &&
		    info.kind == STOA_INDEX_SET && info.flags & STOA_INDEX_UNIQUE)
			return index;
	return 0;
}

static int find_set(struct set *set, const char *name)
{
	struct stoa_table_info info;
	struct stoa_error err;
	int code = session_table(&set->s, name, &set->table);

	if (code != CLI_OK)
		return code;
	if (stoa_table_info(set->s.txn, set->table, &info, &err) < 0)
		return report_error(set->s.path, &err);
	set->slot = info.slots[0];
	set->index = unique_index(set);
	if (info.n_slots == 1 && set->index)
		return CLI_OK;
	report("table %s is no set: a set has one slot, and a unique index on it", name);
	return CLI_FAILURE;
}

/* ---- values ---- */

typedef int each_value(struct set *set, const struct stoa_value *v, const char *text, size_t len);

static int give(struct set *set, each_value *each, const char *text, size_t len)
{
	struct stoa_error err;
	struct stoa_value v;

	if (stoa_value_parse((enum stoa_type)set->slot.type, set->slot.scale, text, len, &v, &err) < 0)
		return report_error(set->s.path, &err);
	set->n_seen++;
	return each(set, &v, text, len);
}

static int from_lines(struct set *set, each_value *each)
{
	char *line = NULL;
	size_t cap = 0;
	int code = CLI_OK;
	ssize_t len;

	while (code == CLI_OK && (len = getline(&line, &cap, stdin)) >= 0) {
		if (len && line[len - 1] == '\n')
			len--;
		code = give(set, each, line, (size_t)len);
		if (code == CLI_OK && interrupted())
			code = CLI_INTERRUPTED;
	}
	if (code == CLI_OK && ferror(stdin)) {
		report("standard input: %m");
		code = CLI_FAILURE;
	}
	free(line);
	return code;
}

static int from_all(struct set *set, each_value *each, char **values, int n)
{
	int code = CLI_OK;

	if (!n)
		return from_lines(set, each);
	for (int i = 0; i < n && code == CLI_OK; i++)
		code = give(set, each, values[i], strlen(values[i]));
	return code;
}

/* ---- actions ---- */

static int find(struct set *set, const struct stoa_value *v, stoa_rowid *row, bool *there)
{
	struct stoa_error err;
	int rc = stoa_set_find(set->s.txn, set->table, set->index, v, 1, row, &err);

	*there = rc == STOA_ROW;
	return rc < 0 ? report_error(set->s.path, &err) : CLI_OK;
}

static int add(struct set *set, const struct stoa_value *v, const char *text, size_t len)
{
	struct stoa_error err;
	bool there;
	int code = find(set, v, NULL, &there);

	(void)text;
	(void)len;
	if (code != CLI_OK || there)
		return code;
	if (stoa_insert(set->s.txn, set->table, v, 1, NULL, &err) < 0)
		return report_error(set->s.path, &err);
	set->n_done++;
	return CLI_OK;
}

static int has(struct set *set, const struct stoa_value *v, const char *text, size_t len)
{
	bool there;
	int code = find(set, v, NULL, &there);

	if (code != CLI_OK || !there)
		return code;
	set->n_done++;
	fwrite(text, 1, len, stdout);
	putchar('\n');
	return CLI_OK;
}

static int take_out(struct set *set, const struct stoa_value *v, const char *text, size_t len)
{
	struct stoa_error err;
	stoa_rowid row = 0;
	bool there;
	int code = find(set, v, &row, &there);

	(void)text;
	(void)len;
	if (code != CLI_OK || !there)
		return code;
	if (stoa_delete(set->s.txn, set->table, row, &err) < 0)
		return report_error(set->s.path, &err);
	set->n_done++;
	return CLI_OK;
}

static int run_add(struct set *set, const char *name, char **values, int n)
{
	stoa_table table;
	int code = CLI_OK;

	if (stoa_table_find(set->s.txn, name, &table, NULL) == STOA_ENOTFOUND)
		code = make_set(set, name);
	if (code == CLI_OK)
		code = find_set(set, name);
	if (code == CLI_OK)
		code = from_all(set, add, values, n);
	if (code == CLI_OK)
		printf("%llu added\n", (unsigned long long)set->n_done);
	return code;
}

static int run_has(struct set *set, const char *name, char **values, int n)
{
	int code = find_set(set, name);

	if (code == CLI_OK)
		code = from_all(set, has, values, n);
	return code == CLI_OK && set->n_done < set->n_seen ? CLI_FAILURE : code;
}

static int run_remove(struct set *set, const char *name, char **values, int n)
{
	int code = find_set(set, name);

	if (code == CLI_OK)
		code = from_all(set, take_out, values, n);
	if (code == CLI_OK)
		printf("%llu removed\n", (unsigned long long)set->n_done);
	return code;
}

static int run_len(struct set *set, const char *name, char **values, int n)
{
	struct stoa_table_info info;
	struct stoa_error err;
	int code = find_set(set, name);

	(void)values;
	(void)n;
	if (code != CLI_OK)
		return code;
	if (stoa_table_info(set->s.txn, set->table, &info, &err) < 0)
		return report_error(set->s.path, &err);
	printf("%llu\n", (unsigned long long)info.n_rows);
	return CLI_OK;
}

/* Prints the values that a cursor gives, and closes it. */
static int print_all(struct set *set, stoa_cursor *cur)
{
	const struct stoa_value *row;
	struct text t = { 0 };
	struct stoa_error err;
	int rc;

	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW && !interrupted()) {
		size_t need = stoa_value_print(row, NULL, 0);
		char *p;

		t.len = 0;
		p = xrealloc(NULL, need + 1);
		stoa_value_print(row, p, need + 1);
		text_put(&t, p, need);
		text_puts(&t, "\n");
		free(p);
		fwrite(t.p, 1, t.len, stdout);
	}
	stoa_cursor_close(cur);
	text_release(&t);
	return rc < 0 ? report_error(set->s.path, &err) : rc == STOA_ROW ? CLI_INTERRUPTED : CLI_OK;
}

static int run_list(struct set *set, const char *name, char **values, int n)
{
	struct stoa_error err;
	stoa_cursor *cur;
	int code = find_set(set, name);

	(void)values;
	(void)n;
	if (code != CLI_OK)
		return code;
	if (stoa_scan(set->s.txn, set->table, NULL, 0, &cur, &err) < 0)
		return report_error(set->s.path, &err);
	return print_all(set, cur);
}

static int open_set(struct set *set, const char *name, stoa_set **out)
{
	struct stoa_error err;
	int code = find_set(set, name);

	if (code != CLI_OK)
		return code;
	return stoa_set_open(set->s.txn, set->table, set->index, out, &err) < 0 ?
		       report_error(set->s.path, &err) :
		       CLI_OK;
}

static int combine(struct set *set, const char *name, const char *other, int operation)
{
	stoa_set *a = NULL, *b = NULL;
	struct stoa_error err;
	stoa_cursor *cur;
	int code = open_set(set, name, &a);

	if (code == CLI_OK)
		code = open_set(set, other, &b);
	if (code == CLI_OK && stoa_set_combine(a, b, operation, &cur, &err) < 0)
		code = report_error(set->s.path, &err);
	else if (code == CLI_OK)
		code = print_all(set, cur);
	stoa_set_close(a);
	stoa_set_close(b);
	return code;
}

static int run_union(struct set *set, const char *name, char **values, int n)
{
	(void)n;
	return combine(set, name, values[0], STOA_SET_UNION);
}

static int run_intersect(struct set *set, const char *name, char **values, int n)
{
	(void)n;
	return combine(set, name, values[0], STOA_SET_INTERSECTION);
}

static int run_except(struct set *set, const char *name, char **values, int n)
{
	(void)n;
	return combine(set, name, values[0], STOA_SET_DIFFERENCE);
}

static int run_symmetric(struct set *set, const char *name, char **values, int n)
{
	(void)n;
	return combine(set, name, values[0], STOA_SET_SYMMETRIC_DIFFERENCE);
}

static const struct action {
	const char *name;
	uint32_t flags;		/* to open with */
	unsigned txn;
	enum { NO_VALUES, VALUES, A_SET } takes;
	int (*run)(struct set *set, const char *name, char **values, int n);
} actions[] = {
	{ "add", 0, STOA_WRITE, VALUES, run_add },
	{ "has", STOA_OPEN_READ_ONLY, STOA_READ, VALUES, run_has },
	{ "remove", STOA_OPEN_NO_CREATE, STOA_WRITE, VALUES, run_remove },
	{ "len", STOA_OPEN_READ_ONLY, STOA_READ, NO_VALUES, run_len },
	{ "list", STOA_OPEN_READ_ONLY, STOA_READ, NO_VALUES, run_list },
	{ "union", STOA_OPEN_READ_ONLY, STOA_READ, A_SET, run_union },
	{ "intersect", STOA_OPEN_READ_ONLY, STOA_READ, A_SET, run_intersect },
	{ "except", STOA_OPEN_READ_ONLY, STOA_READ, A_SET, run_except },
	{ "symmetric", STOA_OPEN_READ_ONLY, STOA_READ, A_SET, run_symmetric },
};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static int run(const struct command *self, int argc, char **argv)
{
	const struct action *a;
	struct set set = { 0 };
	int code;

	if (!options_take(self, argc, argv, NULL, 0, 3, ARGUMENTS_MAX,
			  "an action, a DB and a SET are wanted", &code))
		return code;
	a = find_action(argv[optind]);
	if (!a)
		return bad_usage(self,
				 "no action %s: add, has, remove, len, list, union, intersect, except "
				 "or symmetric",
				 argv[optind]);
	argc -= optind + 3;
	argv += optind;
	if (argc && a->takes == NO_VALUES)
		return bad_usage(self, "%s takes no values", a->name);
	if (argc != 1 && a->takes == A_SET)
		return bad_usage(self, "%s takes another set", a->name);
	code = session_begin(&set.s, argv[1], a->flags, a->txn);
	if (code != CLI_OK)
		return code;
	interrupt_init();
	return session_end(&set.s, a->run(&set, argv[2], argv + 3, argc));
}

const struct command command_set = {
	"set", "ACTION DB SET ...", "A durable set of values",
	"A set is a table of one slot with a unique index. Without VALUEs they are read from standard\n"
	"input, one a line. All of them or none: they are one transaction.\n\n"
	"  add DB SET [VALUE...]     add values; the set is made, of strings, if it is missing\n"
	"  has DB SET [VALUE...]     print those that are in the set; exit code 1 unless all are\n"
	"  remove DB SET [VALUE...]  take values out\n"
	"  len DB SET                print how many there are\n"
	"  list DB SET               print them all\n"
	"  union DB SET OTHER        print those of both sets together, each once\n"
	"  intersect DB SET OTHER    those that both have\n"
	"  except DB SET OTHER       those of SET that OTHER has not\n"
	"  symmetric DB SET OTHER    those that one of them has, and not the other\n\n"
	"  -h, --help                this text\n\n"
	"  find . -type f | stoa set add seen.stoa files\n",
	run,
	.in_order = true,
};
