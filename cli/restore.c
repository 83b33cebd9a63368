/* SPDX-License-Identifier: MIT */
/*
 * restore.c - what SQL has no words for, in a dump: comments that restore obeys
 *
 *     -- stoa: bytes TABLE ROW SLOT BASE64             these bytes, behind those that went before, are the slot's value
 *     -- stoa: primary TABLE NAME SLOT...              the primary key, over rows that are there
 *     -- stoa: deque TABLE NAME MAXLEN ATTEMPTS DEAD SLOT...
 *     -- stoa: deaths TABLE QUEUE                      what rows of TABLE had goes to QUEUE when they die
 *     -- stoa: freeze TABLE
 *
 * Names are in single quotes. The parts of a long value are gathered until another line comes.
 */
#include "dump.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX (6 + STOA_INDEX_SLOTS_MAX)

struct restore {
	/* The value that is being gathered. */
	bool gathering;
	stoa_table table;
	stoa_rowid row;
	uint32_t slot;
	uint8_t type;
	struct text bytes;
};

struct restore *restore_new(void)
{
	struct restore *r = xrealloc(NULL, sizeof(*r));

	memset(r, 0, sizeof(*r));
	return r;
}

void restore_free(struct restore *r)
{
	if (r)
		text_release(&r->bytes);
	free(r);
}

static int bad_directive(const char *path, const char *what)
{
	report("%s: the dump is damaged: %s", path, what);
	return CLI_FAILURE;
}

/* Splits a line in place; -1 if it makes no sense. */
static int split(char *line, char **words)
{
	int n = 0;

	for (char *at = line + strspn(line, " "); *at; at += strspn(at, " ")) {
		char *out = at;

		if (n == WORDS_MAX)
			return -1;
		words[n++] = at;
		if (*at != '\'') {
			at += strcspn(at, " ");
			if (*at)
				*at++ = '\0';
			continue;
		}
		for (at++; *at && (*at != '\'' || *++at == '\''); at++)
			*out++ = *at;
		if (!*at && (at == line || at[-1] != '\''))
			return -1;
		if (*at)
			at++;
		*out = '\0';
	}
	return n;
}

/* ---- long values ---- */

static int flush(struct restore *r, const char *path, stoa_txn *txn)
{
	struct stoa_error err;
	struct stoa_value v;
	int rc;

	if (!r->gathering)
		return CLI_OK;
	r->gathering = false;
	v = stoa_bytes_value((enum stoa_type)r->type, r->bytes.p, (uint32_t)r->bytes.len);
	rc = stoa_update(txn, r->table, r->row, &r->slot, &v, 1, &err);
	r->bytes.len = 0;
	return rc < 0 ? report_error(path, &err) : CLI_OK;
}

static int find_slot(const char *path, stoa_txn *txn, stoa_table table, const char *name,
		     uint32_t *slot, uint8_t *type)
{
	struct stoa_table_info info;
	struct stoa_error err;

	if (stoa_table_info(txn, table, &info, &err) < 0)
		return report_error(path, &err);
	for (*slot = 0; *slot < info.n_slots; ++*slot) {
		if (strcasecmp(info.slots[*slot].name, name) != 0)
			continue;
		*type = info.slots[*slot].type;
		return CLI_OK;
	}
	return bad_directive(path, "a slot is named that is not there");
}

/* TABLE ROW SLOT BASE64 */
static int take_bytes(struct restore *r, const char *path, stoa_txn *txn, stoa_table table,
		      char **words)
{
	struct base64_decode_ctx ctx;
	stoa_rowid row = strtoull(words[1], NULL, 10);
	size_t len = strlen(words[3]), n = 0;
	uint8_t type = 0;
	uint32_t slot = 0;
	int code = find_slot(path, txn, table, words[2], &slot, &type);

	if (code == CLI_OK && r->gathering &&
	    (r->table != table || r->row != row || r->slot != slot))
		code = flush(r, path, txn);
	if (code != CLI_OK)
		return code;
	if (type != STOA_STRING && type != STOA_TEXT && type != STOA_BLOB)
		return bad_directive(path, "bytes for a slot that has none");
	r->gathering = true;
	r->table = table;
	r->row = row;
	r->slot = slot;
	r->type = type;
	if (r->bytes.cap - r->bytes.len < BASE64_DECODE_LENGTH(len) + 1) {
		r->bytes.cap = r->bytes.cap * 2 + BASE64_DECODE_LENGTH(len) + 1;
		r->bytes.p = xrealloc(r->bytes.p, r->bytes.cap);
	}
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &n, (uint8_t *)r->bytes.p + r->bytes.len, len, words[3]) ||
	    !base64_decode_final(&ctx) || r->bytes.len + n > STOA_TEXT_MAX)
		return bad_directive(path, "bytes that are not base64, or too many");
	r->bytes.len += n;
	return CLI_OK;
}

/* ---- indexes ---- */

/* TABLE NAME, then @n slots from words[@from] on. */
static int make_index(const char *path, stoa_txn *txn, stoa_table table, char **words, int from,
		      int n, struct stoa_index_options *o)
{
	uint32_t slots[STOA_INDEX_SLOTS_MAX];
	struct stoa_error err;
	uint8_t type;

	for (int i = 0; i < n; i++) {
		int code = i < STOA_INDEX_SLOTS_MAX ?
				   find_slot(path, txn, table, words[from + i], &slots[i], &type) :
				   bad_directive(path, "an index of too many slots");

		if (code != CLI_OK)
			return code;
	}
	o->name = words[1];
	o->slots = slots;
	o->n_slots = (size_t)n;
	return stoa_index_create(txn, table, o, NULL, &err) < 0 ? report_error(path, &err) : CLI_OK;
}

static int take_primary(const char *path, stoa_txn *txn, stoa_table table, char **words, int n)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;

	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE | STOA_INDEX_PRIMARY;
	return make_index(path, txn, table, words, 2, n - 2, &o);
}

/* TABLE NAME MAXLEN ATTEMPTS DEAD SLOT... */
static int take_deque(const char *path, stoa_txn *txn, stoa_table table, char **words, int n)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct stoa_error err;

	o.kind = STOA_INDEX_DEQUE;
	o.maxlen = strtoull(words[2], NULL, 10);
	o.attempts_max = (uint32_t)strtoul(words[3], NULL, 10);
	if (*words[4] && stoa_table_find(txn, words[4], &o.dead, &err) < 0)
		return report_error(path, &err);
	return make_index(path, txn, table, words, 5, n - 5, &o);
}

/* ---- lines ---- */

static int obey(struct restore *r, const char *path, stoa_txn *txn, char **words, int n)
{
	const char *verb = n ? words[0] : "";
	struct stoa_error err;
	stoa_table table, queue;

	if (n < 2)
		return bad_directive(path, "a line for restore that says nothing");
	if (stoa_table_find(txn, words[1], &table, &err) < 0)
		return report_error(path, &err);
	words++;
	n--;
	if (strcmp(verb, "bytes") == 0 && n == 4)
		return take_bytes(r, path, txn, table, words);
	if (strcmp(verb, "primary") == 0 && n >= 3)
		return take_primary(path, txn, table, words, n);
	if (strcmp(verb, "deque") == 0 && n >= 5)
		return take_deque(path, txn, table, words, n);
	if (strcmp(verb, "deaths") == 0 && n == 2)
		return stoa_death_queue(txn, table, words[1], &queue, &err) < 0 ? report_error(path, &err) :
										 CLI_OK;
	if (strcmp(verb, "freeze") == 0 && n == 1)
		return stoa_table_freeze(txn, table, &err) < 0 ? report_error(path, &err) : CLI_OK;
	return bad_directive(path, "a line for restore that this version does not know");
}

int restore_line(struct restore *r, const char *path, stoa_txn *txn, const char *line, bool *taken)
{
	char *words[WORDS_MAX], *copy;
	bool is_bytes;
	int n, code = CLI_OK;

	*taken = strncmp(line, DIRECTIVE, strlen(DIRECTIVE)) == 0;
	is_bytes = strncmp(line, DIRECTIVE "bytes ", strlen(DIRECTIVE "bytes ")) == 0;
	if (!txn)
		return *taken ? bad_directive(path, "a line for restore before BEGIN") : CLI_OK;
	if (!is_bytes)
		code = flush(r, path, txn);
	if (code != CLI_OK || !*taken)
		return code;
	copy = xstrdup(line + strlen(DIRECTIVE));
	n = split(copy, words);
	code = n < 0 ? bad_directive(path, "a line for restore that makes no sense") :
		       obey(r, path, txn, words, n);
	free(copy);
	return code;
}
