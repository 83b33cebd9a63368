/* SPDX-License-Identifier: MIT */
/* array.c - see array.h */
#include "array.h"

#include <stdio.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"

/*
 * ---- schemas ------------------------------------------------------------------------------------
 */

static void schema_release(struct ArrowSchema *s)
{
	for (int64_t i = 0; i < s->n_children; i++) {
		stoa__arrow_schema_drop(s->children[i]);
		stoa__free(s->children[i]);
	}
	if (s->dictionary)
		stoa__arrow_schema_drop(s->dictionary);
	stoa__free(s->dictionary);
	stoa__free(s->children);
	stoa__free(s->private_data);
	s->release = NULL;
}

void stoa__arrow_schema_drop(struct ArrowSchema *s)
{
	if (s->release)
		s->release(s);
}

/* The strings of a schema, in one piece. */
struct strings {
	char format[STOA__ARROW_FORMAT_MAX];
	char metadata[4 + 4 + sizeof STOA__ARROW_EXTENSION + 4 + sizeof STOA__ARROW_UUID];
	char name[];
};

/* A list of pairs, each length an int32: here of one. */
static void put_metadata(char *to)
{
	static const char *const words[] = { STOA__ARROW_EXTENSION, STOA__ARROW_UUID };
	int32_t n = 1;

	memcpy(to, &n, sizeof n);
	to += sizeof n;
	for (size_t i = 0; i < 2; i++) {
		n = (int32_t)strlen(words[i]);
		memcpy(to, &n, sizeof n);
		memcpy(to + sizeof n, words[i], (size_t)n);
		to += sizeof n + (size_t)n;
	}
}

static int node_new(const char *format, const char *name, bool uuid, size_t n_children,
		    bool dictionary, struct ArrowSchema *out)
{
	size_t len = strlen(name);
	struct strings *s = stoa__calloc(1, sizeof *s + len + 1);

	memset(out, 0, sizeof *out);
	if (!s)
		return STOA_ENOMEM;
	memcpy(s->name, name, len);
	snprintf(s->format, sizeof s->format, "%s", format);
	if (uuid)
		put_metadata(s->metadata);
	out->format = s->format;
	out->name = s->name;
	out->metadata = uuid ? s->metadata : NULL;
	out->flags = ARROW_FLAG_NULLABLE;
	out->release = schema_release;
	out->private_data = s;
	out->children = stoa__calloc(n_children + 1, sizeof(*out->children));
	for (; out->children && out->n_children < (int64_t)n_children; out->n_children++) {
		out->children[out->n_children] = stoa__calloc(1, sizeof(struct ArrowSchema));
		if (!out->children[out->n_children])
			break;
	}
	out->dictionary = dictionary ? stoa__calloc(1, sizeof *out->dictionary) : NULL;
	if (out->children && out->n_children == (int64_t)n_children &&
	    !dictionary == !out->dictionary)
		return STOA_OK;
	schema_release(out);
	return STOA_ENOMEM;
}

static int field_new(const struct stoa__arrow_field *f, struct ArrowSchema *out)
{
	char format[STOA__ARROW_FORMAT_MAX];

	stoa__arrow_type_print(&f->type, format);
	if (!f->dictionary)
		return node_new(format, f->name, f->uuid, 0, false, out);
	stoa__arrow_type_print(&f->index, format);
	STOA_TRY(node_new(format, f->name, false, 0, true, out));
	stoa__arrow_type_print(&f->type, format);
	return node_new(format, "", f->uuid, 0, false, out->dictionary);
}

int stoa__arrow_schema_new(const struct stoa__arrow_field *fields, size_t n,
			   struct ArrowSchema *out)
{
	STOA_TRY(node_new("+s", "", false, n, false, out));
	out->flags = 0;
	for (size_t i = 0; i < n; i++) {
		if (field_new(&fields[i], out->children[i]) < 0) {
			schema_release(out);
			return STOA_ENOMEM;
		}
	}
	return STOA_OK;
}

/*
 * ---- arrays -------------------------------------------------------------------------------------
 */

/* What lies behind private_data: the list of buffers, and those of them that go with the array. */
struct buffers {
	void **owned;
	const void *list[];
};

static void array_release(struct ArrowArray *a)
{
	struct buffers *b = a->private_data;

	for (int64_t i = 0; i < a->n_children; i++) {
		stoa__arrow_array_drop(a->children[i]);
		stoa__free(a->children[i]);
	}
	if (a->dictionary)
		stoa__arrow_array_drop(a->dictionary);
	stoa__free(a->dictionary);
	stoa__free(a->children);
	for (int64_t i = 0; i < a->n_buffers; i++)
		stoa__free(b->owned[i]);
	stoa__free(b);
	a->release = NULL;
}

void stoa__arrow_array_drop(struct ArrowArray *a)
{
	if (a->release)
		a->release(a);
}

int stoa__arrow_array_new(int64_t n_buffers, int64_t n_children, bool dictionary,
			  struct ArrowArray *out)
{
	size_t n = (size_t)n_buffers;
	struct buffers *b = stoa__calloc(1, sizeof *b + 2 * n * sizeof b->list[0]);

	memset(out, 0, sizeof *out);
	if (!b)
		return STOA_ENOMEM;
	b->owned = (void **)(uintptr_t)(b->list + n);
	out->n_buffers = n_buffers;
	out->buffers = b->list;
	out->release = array_release;
	out->private_data = b;
	out->children = stoa__calloc((size_t)n_children + 1, sizeof(*out->children));
	for (; out->children && out->n_children < n_children; out->n_children++) {
		out->children[out->n_children] = stoa__calloc(1, sizeof(struct ArrowArray));
		if (!out->children[out->n_children])
			break;
	}
	out->dictionary = dictionary ? stoa__calloc(1, sizeof *out->dictionary) : NULL;
	if (out->children && out->n_children == n_children && !dictionary == !out->dictionary)
		return STOA_OK;
	array_release(out);
	return STOA_ENOMEM;
}

void stoa__arrow_array_set(struct ArrowArray *a, int64_t i, const void *p, bool owned)
{
	struct buffers *b = a->private_data;

	b->list[i] = p;
	b->owned[i] = owned ? (void *)(uintptr_t)p : NULL;
}

int stoa__arrow_array_give(struct ArrowArray *a, int64_t i, struct stoa__buf *b)
{
	if (!b->p && stoa__buf_reserve(b, 1) < 0)
		return STOA_ENOMEM;
	stoa__arrow_array_set(a, i, b->p, true);
	*b = (struct stoa__buf)STOA__BUF_INIT;
	return STOA_OK;
}

/*
 * ---- what others made ---------------------------------------------------------------------------
 */

static bool is_uuid(const char *metadata)
{
	int32_t n, len[2];

	if (!metadata)
		return false;
	memcpy(&n, metadata, sizeof n);
	metadata += sizeof n;
	for (int32_t i = 0; i < n; i++) {
		const char *words[2];
		for (int k = 0; k < 2; k++) {
			memcpy(&len[k], metadata, sizeof len[k]);
			if (len[k] < 0)
				return false;
			words[k] = metadata + sizeof len[k];
			metadata = words[k] + len[k];
		}
		if (len[0] == (int32_t)strlen(STOA__ARROW_EXTENSION) &&
		    !memcmp(words[0], STOA__ARROW_EXTENSION, (size_t)len[0]) &&
		    len[1] == (int32_t)strlen(STOA__ARROW_UUID) &&
		    !memcmp(words[1], STOA__ARROW_UUID, (size_t)len[1]))
			return true;
	}
	return false;
}

static int parse_type(const struct ArrowSchema *s, const char *name, struct stoa__arrow_type *out,
		      struct stoa_error *err)
{
	if (!s->format)
		return stoa__fail(err, STOA_EINVAL, "column \"%.*s\" has no format", STOA_NAME_MAX,
				  name);
	if (stoa__arrow_type_parse(s->format, out) == STOA_OK)
		return STOA_OK;
	return stoa__fail(err, STOA_EUNSUPPORTED,
			  "column \"%.*s\" is %s (Arrow's \"%.20s\"), which no slot can hold",
			  STOA_NAME_MAX, name, stoa__arrow_type_name(s->format), s->format);
}

static int field_of(const struct ArrowSchema *s, struct stoa__arrow_field *out,
		    struct stoa_error *err)
{
	const struct ArrowSchema *values = s->dictionary ? s->dictionary : s;

	out->name = s->name ? s->name : "";
	out->dictionary = s->dictionary != NULL;
	out->uuid = is_uuid(values->metadata);
	STOA_TRY(parse_type(values, out->name, &out->type, err));
	if (!out->dictionary)
		return STOA_OK;
	STOA_TRY(parse_type(s, out->name, &out->index, err));
	if (out->index.kind != STOA__ARROW_INT || values->dictionary)
		return stoa__fail(err, STOA_EINVAL,
				  "column \"%.*s\": a dictionary has integers for codes, and values that "
				  "are no codes", STOA_NAME_MAX, out->name);
	return STOA_OK;
}

int stoa__arrow_fields(const struct ArrowSchema *s, struct stoa__arrow_field **out, size_t *n,
		       struct stoa_error *err)
{
	struct stoa__arrow_field *fields;

	*out = NULL;
	*n = 0;
	if (!s->format || strcmp(s->format, "+s") || s->n_children < 0 ||
	    (s->n_children && !s->children))
		return stoa__fail(err, STOA_EINVAL, "the Arrow stream has no columns: it is not a table");
	if (s->n_children > STOA_SLOTS_MAX)
		return stoa__fail(err, STOA_EFULL, "%lld columns: stoa has room for %d",
				  (long long)s->n_children, STOA_SLOTS_MAX);
	fields = stoa__calloc((size_t)s->n_children + 1, sizeof *fields);
	if (!fields)
		return stoa__fail_memory(err);
	for (int64_t i = 0; i < s->n_children; i++) {
		int rc = field_of(s->children[i], &fields[i], err);
		if (rc < 0) {
			stoa__free(fields);
			return rc;
		}
	}
	*out = fields;
	*n = (size_t)s->n_children;
	return STOA_OK;
}
