/* SPDX-License-Identifier: MIT */
/* page.c - see page.h */
#include "page.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"

static bool is_counted(unsigned type)
{
	return type == STOA_TEXT || type == STOA_BLOB;
}

size_t stoa__page_width(unsigned type)
{
	if (type == STOA_STRING)
		return sizeof(uint32_t);
	return is_counted(type) ? sizeof(struct stoa__counted *) : stoa__type_width(type);
}

static struct stoa__counted *counted_at(const struct stoa__page *page, size_t i)
{
	return ((struct stoa__counted *const *)(const void *)page->values)[i];
}

static uint32_t id_at(const struct stoa__page *page, size_t i)
{
	return ((const uint32_t *)(const void *)page->values)[i];
}

/*
 * Gives up a hold; how many bytes are free now. Who has the only hold need not count it down: nobody
 * else can take one.
 */
static size_t counted_end(struct stoa__counted *c)
{
	if (!c || (atomic_load_explicit(&c->count, memory_order_acquire) > 1 &&
		   atomic_fetch_sub_explicit(&c->count, 1, memory_order_acq_rel) > 1))
		return 0;
	return stoa__free_told(c);
}

static void counted_drop(struct stoa__symbols *symbols, struct stoa__counted *c)
{
	size_t bytes = counted_end(c);

	if (bytes)
		atomic_fetch_sub_explicit(&symbols->text_bytes, bytes, memory_order_relaxed);
}

static void counted_drop_all(const struct stoa__page *page)
{
	size_t bytes = 0;

	for (size_t i = 0; i < STOA__PAGE_ROWS; i++)
		bytes += counted_end(counted_at(page, i));
	atomic_fetch_sub_explicit(&page->symbols->text_bytes, bytes, memory_order_relaxed);
}

static void release(struct stoa__block *b)
{
	struct stoa__page *page = (struct stoa__page *)b;

	if (page->type == STOA_STRING)
		stoa__symbol_drop(page->symbols, (const uint32_t *)(const void *)page->values,
				  STOA__PAGE_ROWS);
	else
		counted_drop_all(page);
}

struct stoa__page *stoa__page_new(struct stoa__version *w, struct stoa__symbols *symbols,
				  unsigned type)
{
	size_t width = stoa__page_width(type);
	struct stoa__page *page =
		stoa__block_new(w, STOA__KIND_PAGE, sizeof *page + width * STOA__PAGE_ROWS);

	if (!page)
		return NULL;
	page->symbols = symbols;
	page->type = (uint8_t)type;
	page->width = (uint8_t)width;
	if (type == STOA_STRING || is_counted(type))
		page->block.release = release;
	return page;
}

int stoa__page_own(struct stoa__version *w, struct stoa__page **slot)
{
	struct stoa__page *old = *slot, *page;

	if (stoa__block_owned(w, &old->block))
		return STOA_OK;
	page = stoa__page_new(w, old->symbols, old->type);
	if (!page)
		return STOA_ENOMEM;
	stoa__block_place(&page->block, &old->block);
	page->n_rows = old->n_rows;
	memcpy(page->null, old->null, sizeof page->null);
	memcpy(page->values, old->values, (size_t)page->width * STOA__PAGE_ROWS);
	if (page->type == STOA_STRING) {
		stoa__symbol_hold_all(page->symbols, (const uint32_t *)(void *)page->values,
				      STOA__PAGE_ROWS);
	} else if (is_counted(page->type)) {
		for (size_t i = 0; i < STOA__PAGE_ROWS; i++)
			if (counted_at(page, i))
				atomic_fetch_add_explicit(&counted_at(page, i)->count, 1,
							  memory_order_relaxed);
	}
	stoa__block_retire(w, &old->block);
	*slot = page;
	return STOA_OK;
}

int stoa__element_make(struct stoa__symbols *symbols, unsigned type, const struct stoa_value *v,
		       struct stoa__element *out)
{
	size_t size;

	memset(out, 0, sizeof *out);
	out->null = v->type == STOA_NULL;
	if (out->null)
		return STOA_OK;
	if (type == STOA_STRING)
		return stoa__symbol_intern(symbols, v->p, v->len, &out->id);
	if (!is_counted(type)) {
		stoa__element_put(type, out->raw, 0, v);
		return STOA_OK;
	}
	out->counted = stoa__alloc_told(sizeof *out->counted + v->len, &size);
	if (!out->counted)
		return STOA_ENOMEM;
	atomic_init(&out->counted->count, 1);
	out->counted->len = v->len;
	memcpy(out->counted->bytes, v->p, v->len);
	atomic_fetch_add_explicit(&symbols->text_bytes, size, memory_order_relaxed);
	return STOA_OK;
}

void stoa__element_drop(struct stoa__symbols *symbols, unsigned type, struct stoa__element *e)
{
	if (type == STOA_STRING)
		stoa__symbol_drop(symbols, &e->id, 1);
	else if (is_counted(type))
		counted_drop(symbols, e->counted);
	memset(e, 0, sizeof *e);
}

void stoa__page_put(struct stoa__page *page, size_t i, const struct stoa__element *e)
{
	if (page->type == STOA_STRING) {
		uint32_t old = id_at(page, i);

		if (old)
			stoa__symbol_drop(page->symbols, &old, 1);
	} else if (is_counted(page->type)) {
		counted_drop(page->symbols, counted_at(page, i));
	}
	page->null[i] = e->null;
	memcpy(page->values + i * page->width, e->raw, page->width);
}

static struct stoa_bytes bytes_at(const struct stoa__page *page, size_t i)
{
	if (page->null[i])
		return (struct stoa_bytes){ "", 0 };
	if (page->type == STOA_STRING)
		return stoa__symbol_bytes(page->symbols, id_at(page, i));
	return (struct stoa_bytes){ counted_at(page, i)->bytes, counted_at(page, i)->len };
}

void stoa__page_value(const struct stoa__page *page, size_t i, struct stoa_value *out)
{
	if (page->null[i]) {
		*out = stoa_null();
	} else if (page->type == STOA_STRING || is_counted(page->type)) {
		struct stoa_bytes b = bytes_at(page, i);

		*out = stoa_bytes_value((enum stoa_type)page->type, b.p, b.len);
	} else {
		struct stoa_array a = { page->type, 0, page->values, NULL };

		*out = stoa__array_value(&a, i);
	}
}

bool stoa__page_read(const struct stoa__page *page, size_t from, size_t n, void *values,
		     uint64_t *validity, size_t at)
{
	bool any = false;

	if (page->type == STOA_STRING || is_counted(page->type)) {
		struct stoa_bytes *out = values;

		for (size_t i = 0; i < n; i++)
			out[i] = bytes_at(page, from + i);
	} else {
		memcpy(values, page->values + from * page->width, n * page->width);
	}
	for (size_t i = 0; i < n; i++) {
		if (page->null[from + i]) {
			stoa__bit_clear(validity, at + i);
			any = true;
		}
	}
	return any;
}
