/* SPDX-License-Identifier: MIT */
/* page.c - see page.h */
#include "page.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/spares.h"
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

/* ---- texts and their slabs ---- */

#define IN_SLAB 0x80000000u
#define SLAB_TEXT_MAX 1024
#define SLAB_MIN 256u
#define SLAB_MAX 16384u
/*
 * What refs begins with, beyond all texts that a slab has room for. Who fills it gives this up, but for
 * the number of texts: one locked addition for a slab and not for a text, which takes as long as a
 * tenth of a push to a queue.
 */
#define FILLING ((uint32_t)1 << 30)

/* A text in a slab follows the number of bytes that it is from the slab's beginning. */
static struct stoa__slab *slab_of(const struct stoa__counted *c)
{
	uint32_t back;

	memcpy(&back, (const char *)c - sizeof back, sizeof back);
	return (struct stoa__slab *)(void *)((char *)(uintptr_t)c - back);
}

/* What a text of @len bytes takes there. */
static uint32_t slab_need(uint32_t len)
{
	return (uint32_t)(sizeof(uint32_t) + sizeof(struct stoa__counted) + len + 3) & ~3u;
}

/* Gives up @n references, of texts with @bytes in all or of who filled it. */
static void slab_end(struct stoa__symbols *symbols, struct stoa__slab *slab, uint32_t n, size_t bytes)
{
	if (bytes)
		atomic_fetch_add_explicit(&symbols->slabs.given_up, bytes, memory_order_relaxed);
	if (atomic_fetch_sub_explicit(&slab->refs, n, memory_order_acq_rel) == n)
		atomic_fetch_sub_explicit(&symbols->slabs.bytes, stoa__free_told(slab),
					  memory_order_relaxed);
}

void stoa__slab_leave(struct stoa__symbols *symbols, struct stoa__slab *slab)
{
	if (slab)
		slab_end(symbols, slab, FILLING - slab->n, 0);
}

/* Another slab, twice as large, in the place of one that is full. */
static __attribute__((noinline)) int next_slab(struct stoa__symbols *symbols,
					       struct stoa__slab **slab, uint32_t need)
{
	uint32_t cap = *slab ? 2 * (*slab)->cap : SLAB_MIN;
	struct stoa__slab *next;
	size_t size;

	while (cap < need && cap < SLAB_MAX)
		cap *= 2;
	cap = cap < SLAB_MAX ? cap : SLAB_MAX;
	next = stoa__alloc_told(sizeof *next + cap, &size);
	if (!next)
		return STOA_ENOMEM;
	atomic_fetch_add_explicit(&symbols->slabs.bytes, size, memory_order_relaxed);
	atomic_init(&next->refs, FILLING);
	next->n = next->used = 0;
	next->cap = cap;
	stoa__slab_leave(symbols, *slab);
	*slab = next;
	return STOA_OK;
}

static struct stoa__counted *slab_take(struct stoa__symbols *symbols, struct stoa__slab **slab,
				       uint32_t len)
{
	uint32_t back, need = slab_need(len);
	struct stoa__counted *c;
	struct stoa__slab *s;

	if ((!*slab || (*slab)->cap - (*slab)->used < need) &&
	    next_slab(symbols, slab, need) < 0)
		return NULL;
	s = *slab;
	back = (uint32_t)(sizeof *s + s->used + sizeof back);
	c = (struct stoa__counted *)(void *)((char *)s + back);
	memcpy((char *)c - sizeof back, &back, sizeof back);
	s->used += need;
	atomic_store_explicit(&symbols->slabs.taken,
			      atomic_load_explicit(&symbols->slabs.taken, memory_order_relaxed) + need,
			      memory_order_relaxed);
	s->n++;
	atomic_init(&c->count, IN_SLAB | 1);
	return c;
}

static struct stoa__counted *counted_new(struct stoa__symbols *symbols, struct stoa__slab **slab,
					 uint32_t len)
{
	struct stoa__counted *c;
	size_t size;

	/* As with spares.h: tools that look at each piece of memory are to see each. */
	if (slab && len <= SLAB_TEXT_MAX && SPARES_SIZE_MAX > 0 && !stoa__sites_are_on())
		return slab_take(symbols, slab, len);
	c = stoa__alloc_told(sizeof *c + len, &size);
	if (!c)
		return NULL;
	atomic_init(&c->count, 1);
	atomic_fetch_add_explicit(&symbols->text_bytes, size, memory_order_relaxed);
	return c;
}

size_t stoa__counted_size(const struct stoa__counted *c)
{
	if (c && atomic_load_explicit(&c->count, memory_order_relaxed) & IN_SLAB)
		return slab_need(c->len);
	return stoa__alloc_size(c);
}

/*
 * Gives up a hold: was it the last? Who has the only hold need not count it down: nobody else can take one.
 */
static bool give_up(struct stoa__counted *c, bool *in_slab)
{
	uint32_t count = atomic_load_explicit(&c->count, memory_order_acquire);

	*in_slab = count & IN_SLAB;
	return (count & ~IN_SLAB) <= 1 ||
	       (atomic_fetch_sub_explicit(&c->count, 1, memory_order_acq_rel) & ~IN_SLAB) <= 1;
}

static void counted_drop(struct stoa__symbols *symbols, struct stoa__counted *c)
{
	bool in_slab;

	if (!c || !give_up(c, &in_slab))
		return;
	if (in_slab)
		slab_end(symbols, slab_of(c), 1, slab_need(c->len));
	else
		atomic_fetch_sub_explicit(&symbols->text_bytes, stoa__free_told(c),
					  memory_order_relaxed);
}

static void counted_drop_all(const struct stoa__page *page)
{
	struct stoa__slab *slab = NULL;
	size_t own = 0, bytes = 0;	/* of texts in memory of their own; of the @n that are gone from @slab */
	uint32_t n = 0;
	bool in_slab;

	for (size_t i = 0; i < STOA__PAGE_ROWS; i++) {
		struct stoa__counted *c = counted_at(page, i);

		if (!c || !give_up(c, &in_slab))
			continue;
		if (!in_slab) {
			own += stoa__free_told(c);
			continue;
		}
		if (slab && slab_of(c) != slab) {
			slab_end(page->symbols, slab, n, bytes);
			bytes = n = 0;
		}
		slab = slab_of(c);
		bytes += slab_need(c->len);
		n++;
	}
	if (slab)
		slab_end(page->symbols, slab, n, bytes);
	if (own)
		atomic_fetch_sub_explicit(&page->symbols->text_bytes, own, memory_order_relaxed);
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
		       struct stoa__slab **slab, struct stoa__element *out)
{
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
	out->counted = counted_new(symbols, slab, v->len);
	if (!out->counted)
		return STOA_ENOMEM;
	out->counted->len = v->len;
	memcpy(out->counted->bytes, v->p, v->len);
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

/* Gives up what row @i of a page of bytes holds. */
static void drop_at(struct stoa__page *page, size_t i)
{
	uint32_t id;

	if (page->type == STOA_STRING) {
		id = id_at(page, i);
		if (id)
			stoa__symbol_drop(page->symbols, &id, 1);
	} else {
		counted_drop(page->symbols, counted_at(page, i));
	}
}

void stoa__page_put(struct stoa__page *page, size_t i, const struct stoa__element *e)
{
	if (page->block.release)
		drop_at(page, i);
	page->null[i] = e->null;
	if (page->width == 8)	/* mostly, and then it is no call */
		memcpy(page->values + i * 8, e->raw, 8);
	else
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
