/* SPDX-License-Identifier: MIT */
/*
 * slots.c - schemas as text: 'name type [not null] [default literal], ...' and CREATE TABLE
 *
 * What `stoa schema` prints between its parentheses, --schema reads. Names are as they are written
 * or in double quotes; types are those of stoa_type_name(), decimal as decimal(p,s).
 */
#include "cli.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parser {
	char *copy;	/* of all the text; takes NULs behind names and quoted literals */
	char *at;
};

static int complain(const struct parser *p, const char *what)
{
	report("--schema, character %zu: %s", (size_t)(p->at - p->copy) + 1, what);
	return CLI_USAGE;
}

static void skip_blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Takes @word if it is next, in any case. */
static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(p);
	if (strncasecmp(p->at, word, n) != 0 || is_word_char(p->at[n]))
		return false;
	p->at += n;
	return true;
}

static bool take_char(struct parser *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

/* The inside of "..." or '...', doubled quotes undone in place. NULL when the end is missing. */
static char *take_quoted(struct parser *p)
{
	char quote = *p->at++;
	char *start = p->at, *out = start;

	for (;; p->at++) {
		if (!*p->at)
			return NULL;
		if (*p->at == quote && *++p->at != quote)
			break;
		*out++ = *p->at;
	}
	/* The closing quote, at least, lies between @out and @at. */
	*out = '\0';
	return start;
}

/* Bytes of the word at @s; @also are characters that may be in it. */
static size_t word_len(const char *s, const char *also)
{
	size_t n = 0;

	while (is_word_char(s[n]) || (s[n] && strchr(also, s[n])))
		n++;
	return n;
}

/* A type must follow, after a blank, where the NUL behind a plain name goes. */
static char *take_name(struct parser *p)
{
	char *start;
	size_t n;

	skip_blanks(p);
	if (*p->at == '"')
		return take_quoted(p);
	start = p->at;
	n = word_len(start, "");
	if (n == 0 || !isspace((unsigned char)start[n]))
		return NULL;
	start[n] = '\0';
	p->at += n + 1;
	return start;
}

static bool take_number(struct parser *p, uint8_t max, uint8_t *out)
{
	unsigned long x;
	char *end;

	skip_blanks(p);
	if (!isdigit((unsigned char)*p->at))
		return false;
	x = strtoul(p->at, &end, 10);
	p->at = end;
	*out = (uint8_t)x;
	return x <= max;
}

static int take_type(struct parser *p, struct stoa_slot *slot)
{
	unsigned type;

	for (type = STOA_BOOL; type <= STOA_BLOB; type++)
		if (take_word(p, stoa_type_name((enum stoa_type)type)))
			break;
	if (type > STOA_BLOB)
		return complain(p, "a type is missing: bool, i8 to i64, u8 to u64, f32, f64, "
				   "decimal(p,s), date, time, timestamp, uuid, string, text, blob");
	slot->type = (uint8_t)type;
	if (type != STOA_DECIMAL)
		return CLI_OK;
	if (!take_char(p, '(') || !take_number(p, STOA_DECIMAL_PRECISION_MAX, &slot->precision))
		return complain(p, "decimal needs its digits, as in decimal(12,2); at most 18");
	if (take_char(p, ',') && !take_number(p, slot->precision, &slot->scale))
		return complain(p, "decimal needs its digits, as in decimal(12,2); at most 18");
	if (!take_char(p, ')'))
		return complain(p, "a ) is missing");
	return CLI_OK;
}

static int take_default(struct parser *p, struct stoa_slot *slot)
{
	enum stoa_type type = (enum stoa_type)slot->type;
	struct stoa_error err;
	const char *s = NULL;
	size_t n = 0;

	skip_blanks(p);
	if (*p->at == '\'') {
		s = take_quoted(p);
		n = s ? strlen(s) : 0;
	} else if ((n = word_len(p->at, "+-.")) > 0) {
		s = p->at;
		p->at += n;
	}
	if (!s)
		return complain(p, "a literal is missing after default");
	if (stoa_value_parse(type, slot->scale, s, n, &slot->value, &err) == STOA_OK)
		return CLI_OK;
	return complain(p, err.text);
}

static int take_slot(struct parser *p, struct stoa_slot *slot)
{
	int code;

	memset(slot, 0, sizeof(*slot));
	slot->name = take_name(p);
	if (!slot->name || !*slot->name)
		return complain(p, "a name and a type are wanted, as in price f64");
	code = take_type(p, slot);
	while (code == CLI_OK) {
		if (take_word(p, "not")) {
			if (!take_word(p, "null"))
				return complain(p, "null is missing after not");
			slot->flags |= STOA_NOT_NULL;
		} else if (take_word(p, "default")) {
			code = take_default(p, slot);
		} else {
			break;
		}
	}
	return code;
}

int slots_parse(const char *text, struct slot_list *out)
{
	struct parser p = { xstrdup(text), NULL };
	int code;

	memset(out, 0, sizeof(*out));
	out->copy = p.at = p.copy;
	do {
		out->slots = xrealloc(out->slots, (out->n + 1) * sizeof(*out->slots));
		code = take_slot(&p, &out->slots[out->n]);
		out->n++;
	} while (code == CLI_OK && take_char(&p, ','));
	skip_blanks(&p);
	if (code == CLI_OK && *p.at)
		code = complain(&p, "a comma or the end is wanted");
	if (code != CLI_OK)
		slots_release(out);
	return code;
}

void slots_release(struct slot_list *list)
{
	free(list->slots);
	free(list->copy);
	memset(list, 0, sizeof(*list));
}

/* Words that SQL would not take for a name. */
static const char *const words[] = {
	"all",	 "and",	  "as",	    "asc",   "between", "by",	 "case",     "cast",
	"create", "cross", "default", "delete", "desc",	"distinct", "drop",   "else",
	"end",	 "escape", "exists", "false", "filter", "from",	 "full",     "group",
	"having", "in",	   "inner",  "insert", "intersect", "into", "is",    "join",
	"left",	 "like",  "limit",  "natural", "not",	"null",	 "offset",   "on",
	"or",	 "order", "outer",  "right", "select",	"set",	 "table",    "then",
	"true",	 "union", "update", "using", "values",	"when",	 "where",    "with",
	"date",	 "time",  "timestamp", "interval", "except", "first", "last", "nulls",
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

const char *sql_keyword(size_t i)
{
	return i < N_WORDS ? words[i] : NULL;
}

static bool is_keyword(const char *s)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return false;
}

void text_put_name(struct text *t, const char *name)
{
	size_t n = word_len(name, "");

	if (n > 0 && !name[n] && !isdigit((unsigned char)name[0]) && !is_keyword(name)) {
		text_puts(t, name);
		return;
	}
	text_puts(t, "\"");
	for (; *name; name++)
		text_printf(t, *name == '"' ? "\"\"" : "%c", *name);
	text_puts(t, "\"");
}

static void put_default(struct text *t, const struct stoa_value *v)
{
	bool quoted = v->type >= STOA_DATE;
	char buf[64], *s = buf;
	size_t n = stoa_value_print(v, buf, sizeof(buf));

	if (n >= sizeof(buf)) {
		s = xrealloc(NULL, n + 1);
		stoa_value_print(v, s, n + 1);
	}
	text_puts(t, quoted ? " DEFAULT '" : " DEFAULT ");
	for (size_t i = 0; i < n; i++) {
		if (quoted && s[i] == '\'')
			text_puts(t, "'");
		text_put(t, s + i, 1);
	}
	text_puts(t, quoted ? "'" : "");
	if (s != buf)
		free(s);
}

/*
 * The type, and the digits or the table in it. The table of weak references may be gone: then all
 * of them are NULL.
 */
static void put_type(struct text *t, struct session *s, const struct stoa_slot *slot)
{
	struct stoa_table_info info;

	if (slot->target && stoa_table_info(s->txn, slot->target, &info, NULL) < 0) {
		text_puts(t, "u64 /* weak ref, whose table is gone */");
		return;
	}
	text_puts(t, stoa_type_name((enum stoa_type)slot->type));
	if (slot->type == STOA_DECIMAL)
		text_printf(t, "(%u,%u)", slot->precision, slot->scale);
	if (!slot->target)
		return;
	text_puts(t, "(");
	text_put_name(t, info.name);
	text_puts(t, ")");
}

void text_put_slot(struct text *t, struct session *s, const struct stoa_slot *slot)
{
	text_put_name(t, slot->name);
	text_puts(t, " ");
	put_type(t, s, slot);
	if (slot->flags & STOA_NOT_NULL)
		text_puts(t, " NOT NULL");
	if (slot->value.type != STOA_NULL)
		put_default(t, &slot->value);
}

/* Is it called after its slots, as an index without a name of its own is? */
static bool has_own_name(const struct stoa_table_info *info, const struct stoa_index_info *index)
{
	struct text t = { 0 };
	bool own;

	for (size_t i = 0; i < index->n_slots; i++) {
		text_puts(&t, i ? "_" : "");
		text_puts(&t, info->slots[index->slots[i]].name);
	}
	own = strcasecmp(t.p ? t.p : "", index->name) != 0;
	text_release(&t);
	return own;
}

/* A key that is part of the table; others are statements of their own. */
static bool is_key(const struct stoa_table_info *info, const struct stoa_index_info *index)
{
	if (index->flags & STOA_INDEX_PRIMARY)
		return true;
	return index->kind == STOA_INDEX_SET && index->flags & STOA_INDEX_UNIQUE &&
	       !has_own_name(info, index);
}

static void put_names(struct text *t, const struct stoa_table_info *info,
		      const struct stoa_index_info *index)
{
	text_puts(t, " (");
	for (size_t i = 0; i < index->n_slots; i++) {
		text_puts(t, i ? ", " : "");
		text_put_name(t, info->slots[index->slots[i]].name);
	}
	text_puts(t, ")");
}

void text_put_quoted(struct text *t, const char *s)
{
	text_puts(t, "'");
	for (; *s; s++)
		text_printf(t, *s == '\'' ? "''" : "%c", *s);
	text_puts(t, "'");
}

/* For what SQL has no words: restore.c reads these. */
static void put_directive(struct text *t, const char *verb, const struct stoa_table_info *info,
			  const struct stoa_index_info *index)
{
	text_printf(t, "-- stoa: %s ", verb);
	text_put_quoted(t, info->name);
	text_puts(t, " ");
	text_put_quoted(t, index->name);
}

static void put_slots_quoted(struct text *t, const struct stoa_table_info *info,
			     const struct stoa_index_info *index)
{
	for (size_t i = 0; i < index->n_slots; i++) {
		text_puts(t, " ");
		text_put_quoted(t, info->slots[index->slots[i]].name);
	}
	text_puts(t, "\n");
}

static void put_on(struct text *t, const char *create, const struct stoa_table_info *info,
		   const struct stoa_index_info *index)
{
	text_puts(t, create);
	text_put_name(t, index->name);
	text_puts(t, " ON ");
	text_put_name(t, info->name);
	if (index->n_slots)
		put_names(t, info, index);
	text_puts(t, ";\n");
}

static void put_index(struct text *t, struct session *s, const struct stoa_table_info *info,
		      const struct stoa_index_info *index)
{
	struct stoa_table_info dead = { .name = "" };

	if (index->kind == STOA_INDEX_SET && index->flags & STOA_INDEX_PRIMARY) {
		put_directive(t, "primary", info, index);
		put_slots_quoted(t, info, index);
	} else if (index->kind == STOA_INDEX_SET) {
		put_on(t, index->flags & STOA_INDEX_UNIQUE ? "CREATE UNIQUE INDEX " : "CREATE INDEX ",
		       info, index);
	} else if (!index->maxlen && !index->attempts_max) {
		put_on(t, "CREATE DEQUE ", info, index);
	} else {
		/* Its table for dead letters may have been dropped. */
		if (index->dead && stoa_table_info(s->txn, index->dead, &dead, NULL) < 0)
			dead.name = "";
		put_directive(t, "deque", info, index);
		text_printf(t, " %" PRIu64 " %" PRIu32 " ", index->maxlen, index->attempts_max);
		text_put_quoted(t, dead.name);
		put_slots_quoted(t, info, index);
	}
}

/* The primary key first, then by name: an order that does not depend on how they came to be. */
static int by_importance(const void *a, const void *b)
{
	const struct stoa_index_info *x = a, *y = b;
	unsigned px = x->flags & STOA_INDEX_PRIMARY, py = y->flags & STOA_INDEX_PRIMARY;

	return px != py ? (px ? -1 : 1) : strcmp(x->name, y->name);
}

/* A table and its indexes. Room for STOA_INDEXES_MAX. */
static int look_at(struct session *s, stoa_table table, struct stoa_table_info *info,
		   struct stoa_index_info *out, size_t *n)
{
	struct stoa_error err;
	stoa_index at = 0;
	int rc = stoa_table_info(s->txn, table, info, &err);

	*n = 0;
	while (rc >= 0 && *n < STOA_INDEXES_MAX &&
	       (rc = stoa_index_next(s->txn, table, at, &at, &err)) == STOA_ROW)
		rc = stoa_index_info(s->txn, table, at, &out[(*n)++], &err);
	if (rc < 0)
		return report_error(s->path, &err);
	qsort(out, *n, sizeof(*out), by_importance);
	return CLI_OK;
}

int text_put_create(struct text *t, struct session *s, stoa_table table, size_t n_slots, bool keys)
{
	struct stoa_index_info indexes[STOA_INDEXES_MAX];
	struct stoa_table_info info;
	size_t n;
	int code = look_at(s, table, &info, indexes, &n);

	if (code != CLI_OK)
		return code;
	text_puts(t, "CREATE TABLE ");
	text_put_name(t, info.name);
	text_puts(t, " (");
	for (size_t i = 0; i < n_slots && i < info.n_slots; i++) {
		text_puts(t, i ? ",\n\t" : "\n\t");
		text_put_slot(t, s, &info.slots[i]);
	}
	for (size_t i = 0; keys && i < n; i++) {
		if (!is_key(&info, &indexes[i]))
			continue;
		text_puts(t, ",\n\t");
		text_puts(t, indexes[i].flags & STOA_INDEX_PRIMARY ? "PRIMARY KEY" : "UNIQUE");
		put_names(t, &info, &indexes[i]);
	}
	text_puts(t, "\n);\n");
	return CLI_OK;
}

int text_put_indexes(struct text *t, struct session *s, stoa_table table, bool keys)
{
	struct stoa_index_info indexes[STOA_INDEXES_MAX];
	struct stoa_table_info info;
	size_t n;
	int code = look_at(s, table, &info, indexes, &n);

	for (size_t i = 0; i < n && code == CLI_OK; i++)
		if (keys || !is_key(&info, &indexes[i]))
			put_index(t, s, &info, &indexes[i]);
	return code;
}

int text_put_table(struct text *t, struct session *s, stoa_table table)
{
	int code = text_put_create(t, s, table, SIZE_MAX, true);

	return code == CLI_OK ? text_put_indexes(t, s, table, false) : code;
}
