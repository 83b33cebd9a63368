/* SPDX-License-Identifier: MIT */
/*
 * json.c - JSON into a table: an object a row, its keys the slots
 *
 *     {"a": 1, "b": "x"}              [{"a": 1, "b": "x"},
 *     {"a": 2.5, "tags": ["p"]}        {"a": 2.5, "tags": ["p"]}]
 *
 * Objects one after the other (JSON Lines, or any white space between them) or in arrays. The text
 * is gone over twice with yajl, which hands numbers over as they are written, so that no digit is
 * lost: the first time to find out which keys there are and the narrowest type that holds every
 * value of each, the second time to append. Memory is that of a batch and of the longest value.
 *
 * null and an absent key are NULL. Objects and arrays inside a row are kept as JSON text.
 */
#include "cli.h"

#include <errno.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "json_guess.h"

#define CHUNK_BYTES ((size_t)256 << 10)

/* A key, what its values may be, and in the second pass where they go. */
struct key {
	char *name;
	size_t name_len;
	struct json_guess guess;
	bool seen;		/* in the row at hand */
	/* A batch of its slot's values. */
	struct stoa_slot slot;
	void *values;
	size_t *offsets;	/* of strings, in @bytes, until the batch is whole */
	struct text bytes;
	uint64_t validity[STOA_BATCH_MAX / 64];
};

struct json {
	const struct input *in;
	const struct stoa_csv_options *options;
	struct progress *progress;
	yajl_handle parser;
	uint64_t consumed;	/* bytes of the chunks before this one */
	uint64_t total;
	uint64_t line, line_at, counted;	/* lines up to @counted, where the last began */
	const unsigned char *chunk;
	int depth;		/* of maps and arrays that are open; arrays around rows do not count */
	bool in_row;
	yajl_gen nested;	/* writes what is inside a row's value */
	struct text text;
	struct key *keys;
	size_t n_keys;
	size_t key;		/* that the next value belongs to */
	bool fixed;		/* the table is there: other keys are errors */
	stoa_appender *appender;	/* NULL in the first pass */
	size_t n_batch;
	uint64_t n_rows;
	int code;		/* why the parser was stopped */
};

static size_t width_of(unsigned type)
{
	switch (type) {
	case STOA_BOOL:
	case STOA_I8:
	case STOA_U8:
		return 1;
	case STOA_I16:
	case STOA_U16:
		return 2;
	case STOA_I32:
	case STOA_U32:
	case STOA_F32:
	case STOA_DATE:
		return 4;
	case STOA_UUID:
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		return 16;
	default:
		return 8;
	}
}
_Static_assert(sizeof(struct stoa_bytes) == 16, "bytes are two words in an array");

/* ---- errors with a place ---------------------------------------------------------------- */

static void count_lines(struct json *j, size_t to)
{
	uint64_t end = j->consumed + to;

	for (uint64_t at = j->counted; at < end; at++) {
		if (j->chunk[at - j->consumed] != '\n')
			continue;
		j->line++;
		j->line_at = at + 1;
	}
	j->counted = end > j->counted ? end : j->counted;
}

/* Stops the parser. The place is the end of the value at hand; there is none after the pass. */
static int stop(struct json *j, const char *text)
{
	size_t at;

	j->code = CLI_FAILURE;
	if (!j->parser) {
		report("%s: %s", j->in->name, text);
		return 0;
	}
	at = yajl_get_bytes_consumed(j->parser);
	count_lines(j, at);
	report("%s:%llu:%llu: %s", j->in->name, (unsigned long long)j->line,
	       (unsigned long long)(j->consumed + at - j->line_at + 1), text);
	return 0;
}

static int stop_key(struct json *j, const struct key *k, const char *text)
{
	struct text t = { 0 };

	text_puts(&t, "key \"");
	text_put_visible(&t, k->name, strlen(k->name));
	text_printf(&t, "\": %s", text);
	stop(j, t.p);
	text_release(&t);
	return 0;
}

/* ---- a value into its array ------------------------------------------------------------- */

static void make_arrays(struct key *k)
{
	k->values = xrealloc(k->values, STOA_BATCH_MAX * width_of(k->slot.type));
	k->offsets = xrealloc(k->offsets, STOA_BATCH_MAX * sizeof(*k->offsets));
	memset(k->values, 0, STOA_BATCH_MAX * width_of(k->slot.type));
	memset(k->validity, 0, sizeof(k->validity));
	k->bytes.len = 0;
}

static int put_bytes(struct json *j, struct key *k, const char *s, size_t len)
{
	struct stoa_bytes *out = (struct stoa_bytes *)k->values + j->n_batch;

	if (len > (k->slot.type == STOA_STRING ? STOA_STRING_MAX : STOA_TEXT_MAX))
		return stop_key(j, k, "the value is too long");
	k->offsets[j->n_batch] = k->bytes.len;
	text_put(&k->bytes, s, len);
	out->len = (uint32_t)len;
	return 1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int put_base64(struct json *j, struct key *k, const char *s, size_t len)
{
	struct base64_decode_ctx ctx;
	struct text bytes = { 0 };
	int rc;

	bytes.p = xrealloc(NULL, BASE64_DECODE_LENGTH(len) + 1);
	base64_decode_init(&ctx);
	if (base64_decode_update(&ctx, &bytes.len, (uint8_t *)bytes.p, len, s) &&
	    base64_decode_final(&ctx))
		rc = put_bytes(j, k, bytes.p, bytes.len);
	else
		rc = stop_key(j, k, "not a blob: base64 is wanted");
	text_release(&bytes);
	return rc;
}

/* \x and hexadecimal digits, as blobs print. */
static int put_hex(struct json *j, struct key *k, const char *s, size_t len)
{
	struct text bytes = { 0 };
	bool good = len >= 2 && len % 2 == 0 && s[0] == '\\' && s[1] == 'x';
	int rc;

	for (size_t i = 2; good && i < len; i += 2) {
		int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);
		char byte = (char)(high * 16 + low);

		good = high >= 0 && low >= 0;
		text_put(&bytes, &byte, 1);
	}
	rc = good ? put_bytes(j, k, bytes.p ? bytes.p : "", bytes.len) :
		    stop_key(j, k, "not a blob: \\x and hexadecimal digits are wanted");
	text_release(&bytes);
	return rc;
}

static void put_fixed(struct key *k, size_t at, const struct stoa_value *v)
{
	size_t width = width_of(k->slot.type);
	char *to = (char *)k->values + at * width;
	float f;

	if (k->slot.type == STOA_UUID) {
		memcpy(to, v->uuid, 16);
	} else if (k->slot.type == STOA_F32) {
		f = (float)v->f;
		memcpy(to, &f, sizeof(f));
	} else if (width == 8) {
		memcpy(to, &v->u, 8);
	} else if (width == 4) {
		memcpy(to, &(uint32_t){ (uint32_t)v->u }, 4);
	} else if (width == 2) {
		memcpy(to, &(uint16_t){ (uint16_t)v->u }, 2);
	} else {
		memcpy(to, &(uint8_t){ (uint8_t)v->u }, 1);
	}
}

/* In the second pass: NULLs are what is left alone. */
static int keep(struct json *j, struct key *k, enum json_token token, const char *s, size_t len)
{
	struct stoa_error err;
	struct stoa_value v;
	unsigned type = k->slot.type;

	if (token == JSON_NULL)
		return 1;
	k->validity[j->n_batch / 64] |= (uint64_t)1 << j->n_batch % 64;
	if (type == STOA_STRING || type == STOA_TEXT)
		return put_bytes(j, k, s, len);
	if (type == STOA_BLOB)
		return j->options->blobs == STOA_BLOBS_BASE64 ? put_base64(j, k, s, len) : put_hex(j, k, s, len);
	if (stoa_value_parse((enum stoa_type)type, k->slot.scale, s, len, &v, &err) < 0)
		return stop_key(j, k, err.text);
	put_fixed(k, j->n_batch, &v);
	return 1;
}

static int take(struct json *j, enum json_token token, const char *s, size_t len)
{
	struct key *k = &j->keys[j->key];

	if (k->seen)
		return stop_key(j, k, "twice in one object");
	k->seen = true;
	if (j->appender)
		return keep(j, k, token, s, len);
	json_guess_look(&k->guess, token, s, len);
	return 1;
}

/* ---- rows ------------------------------------------------------------------------------- */

/* A missing value is the slot's default, as with a CSV file that lacks the column. */
static int fill_missing(struct json *j, struct key *k)
{
	const struct stoa_value *v = &k->slot.value;

	if (k->seen || v->type == STOA_NULL)
		return 1;
	k->validity[j->n_batch / 64] |= (uint64_t)1 << j->n_batch % 64;
	if (width_of(k->slot.type) == 16 && k->slot.type != STOA_UUID)
		return put_bytes(j, k, v->p, v->len);
	put_fixed(k, j->n_batch, v);
	return 1;
}

static int flush(struct json *j)
{
	struct stoa_array *arrays = xrealloc(NULL, j->n_keys * sizeof(*arrays));
	struct stoa_error err;
	int rc;

	for (size_t i = 0; i < j->n_keys; i++) {
		struct key *k = &j->keys[i];
		struct stoa_bytes *bytes = k->values;

		if (width_of(k->slot.type) == 16 && k->slot.type != STOA_UUID)
			for (size_t r = 0; r < j->n_batch; r++)
				bytes[r].p = bytes[r].len ? k->bytes.p + k->offsets[r] : "";
		arrays[i] = (struct stoa_array){ k->slot.type, k->slot.scale, k->values,
						 k->validity };
	}
	rc = j->n_batch ? stoa_append(j->appender, arrays, j->n_keys, j->n_batch, &err) : STOA_OK;
	free(arrays);
	j->n_batch = 0;
	for (size_t i = 0; i < j->n_keys; i++)
		make_arrays(&j->keys[i]);
	return rc < 0 ? stop(j, err.text) : 1;
}

static int finish_row(struct json *j)
{
	int go_on = 1;

	for (size_t i = 0; i < j->n_keys; i++) {
		if (j->appender && go_on)
			go_on = fill_missing(j, &j->keys[i]);
		j->keys[i].seen = false;
	}
	j->in_row = false;
	j->n_rows++;
	if (!go_on || !j->appender)
		return go_on;
	return ++j->n_batch == STOA_BATCH_MAX ? flush(j) : 1;
}

/* The key of that name: objects mostly have the same ones in the same order. */
static size_t find_key(const struct json *j, const char *s, size_t len)
{
	for (size_t n = 0; n < j->n_keys; n++) {
		size_t i = (j->key + 1 + n) % j->n_keys;

		/* The length first: a key of the text may have a NUL within. */
		if (j->keys[i].name_len == len && strncasecmp(j->keys[i].name, s, len) == 0)
			return i;
	}
	return j->n_keys;
}

static int add_key(struct json *j, const char *s, size_t len)
{
	char name[STOA_NAME_MAX + 1];
	struct key *k;

	if (len == 0 || len > STOA_NAME_MAX || memchr(s, 0, len))
		return stop(j, "a key is no name of a slot: 1 to 128 bytes");
	memcpy(name, s, len);
	name[len] = '\0';
	if (j->fixed) {
		struct text t = { 0 };

		text_puts(&t, "the table has no slot \"");
		text_put_visible(&t, name, len);
		text_puts(&t, "\"");
		stop(j, t.p);
		text_release(&t);
		return 0;
	}
	if (j->n_keys == STOA_SLOTS_MAX)
		return stop(j, "over 1000 different keys: a table has room for 1000 slots");
	j->keys = xrealloc(j->keys, (j->n_keys + 1) * sizeof(*j->keys));
	k = &j->keys[j->n_keys++];
	memset(k, 0, sizeof(*k));
	k->name = xstrdup(name);
	k->name_len = len;
	json_guess_init(&k->guess);
	return 1;
}

/* ---- yajl's callbacks: 0 stops it ------------------------------------------------------- */

static int on_scalar(struct json *j, enum json_token token, const char *s, size_t len)
{
	if (!j->in_row)
		return stop(j, "an object is wanted: a row is {\"key\": value, ...}");
	return take(j, token, s, len);
}

static int on_null(void *ctx)
{
	struct json *j = ctx;

	if (j->depth > 1)
		return yajl_gen_null(j->nested) == yajl_gen_status_ok;
	return on_scalar(j, JSON_NULL, "", 0);
}

static int on_bool(void *ctx, int x)
{
	struct json *j = ctx;

	if (j->depth > 1)
		return yajl_gen_bool(j->nested, x) == yajl_gen_status_ok;
	return on_scalar(j, JSON_BOOL, x ? "true" : "false", x ? 4 : 5);
}

static int on_number(void *ctx, const char *s, size_t len)
{
	struct json *j = ctx;

	if (j->depth > 1)
		return yajl_gen_number(j->nested, s, len) == yajl_gen_status_ok;
	return on_scalar(j, JSON_NUMBER, s, len);
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
	struct json *j = ctx;

	if (j->depth > 1)
		return yajl_gen_string(j->nested, s, len) == yajl_gen_status_ok;
	return on_scalar(j, JSON_STRING, (const char *)s, len);
}

/* A map or array inside a row. */
static int on_nested(struct json *j, bool map)
{
	if (j->depth++ == 1) {
		j->text.len = 0;
		yajl_gen_reset(j->nested, NULL);
	}
	if (j->depth > 100)
		return stop(j, "nested over 100 deep");
	return (map ? yajl_gen_map_open(j->nested) : yajl_gen_array_open(j->nested)) ==
	       yajl_gen_status_ok;
}

static int on_map(void *ctx)
{
	struct json *j = ctx;

	if (j->in_row)
		return on_nested(j, true);
	j->in_row = true;
	j->depth = 1;
	return 1;
}

static int on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct json *j = ctx;

	if (j->depth > 1)
		return yajl_gen_string(j->nested, s, len) == yajl_gen_status_ok;
	j->key = find_key(j, (const char *)s, len);
	return j->key < j->n_keys || add_key(j, (const char *)s, len);
}

static int on_end(struct json *j, bool map)
{
	if (!j->in_row)
		return 1;	/* of an array of rows */
	if (j->depth == 1) {
		j->depth = 0;
		return finish_row(j);
	}
	if (map)
		yajl_gen_map_close(j->nested);
	else
		yajl_gen_array_close(j->nested);
	return --j->depth == 1 ? take(j, JSON_NESTED, j->text.p, j->text.len) : 1;
}

static int on_map_end(void *ctx)
{
	return on_end(ctx, true);
}

static int on_array(void *ctx)
{
	struct json *j = ctx;

	return j->in_row ? on_nested(j, false) : 1;
}

static int on_array_end(void *ctx)
{
	return on_end(ctx, false);
}

static void print_nested(void *ctx, const char *s, size_t len)
{
	text_put(ctx, s, len);
}

static const yajl_callbacks callbacks = {
	on_null, on_bool, NULL, NULL, on_number, on_string,
	on_map,  on_key,  on_map_end, on_array, on_array_end,
};

/* ---- a pass ----------------------------------------------------------------------------- */

static void report_bad_json(struct json *j, size_t len)
{
	unsigned char *words = yajl_get_error(j->parser, 0, j->chunk, len);
	char *text = words ? (char *)words : NULL;

	if (text) {
		text[strcspn(text, "\n")] = '\0';
		stop(j, text);
		yajl_free_error(j->parser, words);
	} else {
		stop(j, "this is no JSON");
	}
}

static int check(struct json *j, yajl_status status, size_t len)
{
	if (status == yajl_status_ok)
		return CLI_OK;
	if (status == yajl_status_error || j->code == CLI_OK)
		report_bad_json(j, len);
	return j->code;
}

static int parse_all(struct json *j, unsigned char *buf)
{
	int code = CLI_OK;
	ssize_t n = 0;

	while (code == CLI_OK) {
		do
			n = read(j->in->fd, buf, CHUNK_BYTES);
		while (n < 0 && errno == EINTR);
		if (n < 0) {
			report("%s: %s", j->in->name, strerror(errno));
			return CLI_FAILURE;
		}
		if (n == 0)
			return check(j, yajl_complete_parse(j->parser), 0);
		code = check(j, yajl_parse(j->parser, buf, (size_t)n), (size_t)n);
		count_lines(j, (size_t)n);
		j->consumed += (uint64_t)n;
		progress_show(j->progress, j->total ? (double)j->consumed / (double)j->total : -1,
			      j->n_rows, j->consumed, seconds_now() - j->progress->began);
		if (interrupted())
			return CLI_INTERRUPTED;
	}
	return code;
}

static int pass(struct json *j)
{
	unsigned char *buf = xrealloc(NULL, CHUNK_BYTES);
	off_t size = lseek(j->in->fd, 0, SEEK_END);
	int code;

	j->total = size > 0 ? (uint64_t)size : 0;
	j->consumed = j->counted = j->line_at = j->n_rows = 0;
	j->line = 1;
	j->chunk = buf;
	j->parser = yajl_alloc(&callbacks, NULL, j);
	j->nested = yajl_gen_alloc(NULL);
	if (lseek(j->in->fd, 0, SEEK_SET) != 0 || !j->parser || !j->nested) {
		report("%s: cannot be read from its start", j->in->name);
		code = CLI_FAILURE;
	} else {
		yajl_config(j->parser, yajl_allow_multiple_values, 1);
		yajl_gen_config(j->nested, yajl_gen_print_callback, print_nested, &j->text);
		code = parse_all(j, buf);
	}
	if (j->parser)
		yajl_free(j->parser);
	if (j->nested)
		yajl_gen_free(j->nested);
	j->parser = NULL;
	j->nested = NULL;
	free(buf);
	return code;
}

/* ---- the table -------------------------------------------------------------------------- */

static int use_table(struct json *j, struct session *s, stoa_table table)
{
	struct stoa_table_info info;
	struct stoa_error err;

	if (stoa_table_info(s->txn, table, &info, &err) < 0)
		return report_error(s->path, &err);
	j->fixed = false;
	for (size_t i = 0; i < info.n_slots; i++) {
		add_key(j, info.slots[i].name, strlen(info.slots[i].name));
		j->keys[i].slot = info.slots[i];
	}
	j->fixed = true;
	return CLI_OK;
}

static int make_table(struct json *j, struct session *s, const char *name, stoa_table *out)
{
	struct stoa_slot *slots;
	struct stoa_error err;
	int code = pass(j), rc;

	if (code != CLI_OK)
		return code;
	if (j->n_keys == 0) {
		report("%s: no object with a key: there are no slots to make a table of",
		       j->in->name);
		return CLI_FAILURE;
	}
	slots = xrealloc(NULL, j->n_keys * sizeof(*slots));
	for (size_t i = 0; i < j->n_keys; i++) {
		j->keys[i].slot.name = j->keys[i].name;
		json_guess_slot(&j->keys[i].guess, &j->keys[i].slot);
		slots[i] = j->keys[i].slot;
	}
	rc = stoa_table_create(s->txn, name, slots, j->n_keys, out, &err);
	free(slots);
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

static int append_all(struct json *j, struct session *s, stoa_table table)
{
	struct stoa_error err;
	stoa_index unique = 0;
	int code;

	if (j->options->unique &&
	    stoa_index_ensure_unique(s->txn, table, j->options->unique, &unique, &err) < 0)
		return report_error(s->path, &err);
	if (stoa_appender_open(s->txn, table, &j->appender, &err) < 0)
		return report_error(s->path, &err);
	if (unique && stoa_appender_on_conflict(j->appender, unique, j->options->on_conflict, &err) < 0) {
		stoa_appender_abort(j->appender);
		return report_error(s->path, &err);
	}
	for (size_t i = 0; i < j->n_keys; i++)
		make_arrays(&j->keys[i]);
	code = pass(j);
	if (code == CLI_OK && !flush(j))
		code = j->code;
	if (code != CLI_OK)
		stoa_appender_abort(j->appender);
	else if (stoa_appender_close(j->appender, &err) < 0)
		code = report_error(s->path, &err);
	return code;
}

static void release(struct json *j)
{
	for (size_t i = 0; i < j->n_keys; i++) {
		struct key *k = &j->keys[i];

		free(k->name);
		json_guess_release(&k->guess);
		free(k->values);
		free(k->offsets);
		text_release(&k->bytes);
	}
	free(j->keys);
	text_release(&j->text);
}

int import_json(struct session *s, const char *name, const struct input *in,
		const struct stoa_csv_options *options, struct progress *p, uint64_t *rows)
{
	struct json j = { .in = in, .options = options, .progress = p };
	struct stoa_error err;
	stoa_table table;
	int rc = stoa_table_find(s->txn, name, &table, &err), code;

	if (rc == STOA_OK)
		code = use_table(&j, s, table);
	else if (rc == STOA_ENOTFOUND)
		code = make_table(&j, s, name, &table);
	else
		code = report_error(s->path, &err);
	if (code == CLI_OK)
		code = append_all(&j, s, table);
	*rows = j.n_rows;
	release(&j);
	return code;
}
