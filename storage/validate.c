/* SPDX-License-Identifier: MIT */
/*
 * validate.c - a walk over the pages of an LMDB 0.9 file (64-bit, little-endian)
 *
 * A file is pages of one size; 0 and 1 are meta pages, written in turns, the larger transaction id
 * counts. A meta page names the roots of two trees, the free list and the (one, unnamed) table.
 *
 *     page     u64 number, u16 unused, u16 kind, u16 lower, u16 upper      kind: 1 branch, 2 leaf, 4 overflow, 8 meta
 *              u16 offsets of nodes, up to lower; nodes from upper to the end, without gaps
 *     overflow u64 number, u16 unused, u16 kind, u32 pages in the run; then bytes
 *     node     leaf:   u32 size of data, u16 flags (1: the data is the number of an overflow page), u16 key
 *                      length, key, data
 *              branch: 48 bits of a page number, u16 key length, key: the smallest that may be in
 *              there; the
 *                      first node's key counts for nothing
 *     tree     u32, u16 flags, u16 depth, u64 branch, leaf and overflow pages, u64 entries, u64 root (-1: empty)
 *     meta     page header, u32 magic, u32 version, u64 address, u64 map size, free tree (whose first u32 is the page
 *              size), table tree, u64 last page, u64 transaction id
 *     free     key: u64 transaction id; data: u64 count, that many page numbers, descending
 *
 * What is checked, each because LMDB relies on it:
 * (1) Both meta pages are well formed, in their slots, and one transaction apart; the newer one's
 *     trees are in bounds.
 * (2) Every page number is in range, every page says its own number and kind, none is used twice.
 * (3) Nodes lie in their page and tile it: LMDB moves them by their sizes when one goes.
 * (4) Keys ascend over the whole tree, and separators lie between what they separate.
 * (5) Depth, page and entry counts are what the meta page says.
 * (6) The free list is well formed, descending, and disjoint from pages in use.
 *
 * Two things look wrong and are not: an overflow run may have more pages than its value needs, and
 * the file may end before its last page, when that is free, or after it.
 *
 * Written from the format as LMDB 0.9.24's mdb.c documents it.
 */
#include "validate.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/buf.h"

#define META_MAGIC 0xbeefc0deu
#define META_VERSION 1
#define META_SIZE 152		/* with the page header */
#define META_TXNID 144
#define PAGE_HEADER 16
#define NODE_HEADER 8
#define TREE_SIZE 48
#define PAGE_SIZE_MIN 1024
#define PAGE_SIZE_MAX 32768
#define MAP_SIZE_MAX ((uint64_t)1 << 44)
#define DEPTH_MAX 32
#define KEY_MAX 511
#define NO_PAGE UINT64_MAX

enum { KIND_BRANCH = 1, KIND_LEAF = 2, KIND_OVERFLOW = 4, KIND_META = 8 };
enum { NODE_BIG = 1 };
enum { FREE_FLAGS = 0x08, FREE_FLAGS_NOSUBDIR = 0x4008 };	/* keys are integers */

struct tree {
	uint64_t flags;
	uint64_t depth;
	uint64_t n_branch;
	uint64_t n_leaf;
	uint64_t n_overflow;
	uint64_t n_entries;
	uint64_t root;
};

struct meta {
	uint64_t page_size;
	uint64_t map_size;
	struct tree free;
	struct tree table;
	uint64_t last_page;
	uint64_t txnid;
};

/* The state of a walk. */
struct walk {
	int fd;
	const char *name;
	struct stoa_error *err;
	struct meta meta;
	uint64_t *claimed;	/* a bit for each page */
	uint8_t *pages;		/* one for each level */
	uint8_t *marks;		/* a byte for each of a page: taken by a node */
	bool free_list;		/* which tree it is */
	struct tree seen;	/* counted so far */
	uint8_t last[KEY_MAX];	/* the last key or separator met */
	size_t last_len;
	enum { LAST_NONE, LAST_KEY, LAST_SEPARATOR } last_kind;
};

static uint16_t load_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static int bad(const struct walk *w, uint64_t page, const char *why)
{
	return stoa__fail_corrupt(w->err, w->name, page * w->meta.page_size, "page %llu %s",
				  (unsigned long long)page, why);
}

/* ---- meta pages ---- */

static struct tree load_tree(const uint8_t *p)
{
	struct tree t = {
		.flags = load_u16(p + 4),
		.depth = load_u16(p + 6),
		.n_branch = stoa__load_u64(p + 8),
		.n_leaf = stoa__load_u64(p + 16),
		.n_overflow = stoa__load_u64(p + 24),
		.n_entries = stoa__load_u64(p + 32),
		.root = stoa__load_u64(p + 40),
	};

	return t;
}

static bool tree_sound(const struct tree *t, uint64_t last_page)
{
	if (t->root == NO_PAGE)
		return !t->depth && !t->n_branch && !t->n_leaf && !t->n_overflow && !t->n_entries;
	return t->root >= 2 && t->root <= last_page && t->depth >= 1 && t->depth <= DEPTH_MAX;
}

static const char *meta_fault(const uint8_t *p, uint64_t slot, struct meta *m)
{
	const uint8_t *trees = p + PAGE_HEADER + 24;

	if (stoa__load_u64(p) != slot || load_u16(p + 10) != KIND_META ||
	    stoa__load_u32(p + 16) != META_MAGIC)
		return "is not a meta page of LMDB";
	if (stoa__load_u32(p + 20) != META_VERSION)
		return "is of another version of LMDB";
	m->page_size = stoa__load_u32(trees);
	m->map_size = stoa__load_u64(p + 32);
	m->free = load_tree(trees);
	m->table = load_tree(trees + TREE_SIZE);
	m->last_page = stoa__load_u64(trees + 2 * TREE_SIZE);
	m->txnid = stoa__load_u64(trees + 2 * TREE_SIZE + 8);
	if (m->page_size < PAGE_SIZE_MIN || m->page_size > PAGE_SIZE_MAX ||
	    (m->page_size & (m->page_size - 1)))
		return "has an impossible page size";
	if (stoa__load_u64(p + 24) != 0 || m->map_size > MAP_SIZE_MAX || m->last_page < 1 ||
	    m->last_page >= m->map_size / m->page_size)
		return "has a map or last page out of bounds";
	if ((m->free.flags != FREE_FLAGS && m->free.flags != FREE_FLAGS_NOSUBDIR) ||
	    m->table.flags != 0 || stoa__load_u32(trees + TREE_SIZE) != 0)
		return "has flags that stoa does not use";
	if (m->txnid % 2 != slot && m->txnid != 0)
		return "has a transaction id of the other meta page";
	return NULL;
}

/* Reads both meta pages; the newer becomes w->meta. */
static int read_metas(struct walk *w)
{
	uint8_t bytes[META_SIZE];
	struct meta metas[2];
	uint64_t newer;

	memset(metas, 0, sizeof metas);
	for (uint64_t slot = 0; slot < 2; slot++) {
		const char *why;

		w->meta = metas[0];	/* its page size is where the second is */
		STOA_TRY(stoa__file_read(w->fd, w->name, slot * w->meta.page_size, bytes,
					 sizeof bytes, w->err));
		why = meta_fault(bytes, slot, &metas[slot]);
		if (why)
			return bad(w, slot, why);
	}
	if (metas[0].page_size != metas[1].page_size)
		return bad(w, 1, "has another page size than page 0");
	if (metas[0].txnid + 1 != metas[1].txnid && metas[1].txnid + 1 != metas[0].txnid &&
	    metas[0].txnid + metas[1].txnid != 0)
		return bad(w, 1, "is not one transaction apart from page 0");
	newer = metas[1].txnid > metas[0].txnid;
	w->meta = metas[newer];
	/*
	 * The older one may name any trees: a commit whose write failed leaves its own under the
	 * old transaction.
	 */
	if (!tree_sound(&w->meta.free, w->meta.last_page) ||
	    !tree_sound(&w->meta.table, w->meta.last_page))
		return bad(w, newer, "has a tree out of bounds");
	return STOA_OK;
}

/* ---- pages and keys ---- */

/* Notes that @n pages from @page on are in use, for the first time. */
static int claim(struct walk *w, uint64_t page, uint64_t n, uint64_t by)
{
	if (page < 2 || page > w->meta.last_page || n > w->meta.last_page + 1 - page)
		return bad(w, by, "names a page that is out of range");
	for (uint64_t i = page; i < page + n; i++) {
		if (stoa__bit_get(w->claimed, i))
			return bad(w, by, "names a page that is used elsewhere");
		stoa__bit_set(w->claimed, i);
	}
	return STOA_OK;
}

static int compare(const struct walk *w, const uint8_t *key, size_t len)
{
	size_t n = len < w->last_len ? len : w->last_len;
	int c;

	if (w->free_list) {
		uint64_t a = stoa__load_u64(key);
		uint64_t b = stoa__load_u64(w->last);

		return (a > b) - (a < b);
	}
	c = memcmp(key, w->last, n);
	return c ? c : (len > w->last_len) - (len < w->last_len);
}

/* A key of a leaf, or a separator, in the order of the walk: does it come after the last one? */
static int next_key(struct walk *w, uint64_t page, const uint8_t *key, size_t len, bool separator)
{
	int c;

	if (len < 1 || len > KEY_MAX || (w->free_list && len != 8))
		return bad(w, page, "has a key of an impossible length");
	c = w->last_kind == LAST_NONE ? 1 : compare(w, key, len);
	if (c < 0 || (c == 0 && (separator || w->last_kind != LAST_SEPARATOR)))
		return bad(w, page, "has a key out of order");
	memcpy(w->last, key, len);
	w->last_len = len;
	w->last_kind = separator ? LAST_SEPARATOR : LAST_KEY;
	return STOA_OK;
}

/* ---- nodes ---- */

static size_t n_nodes(const uint8_t *p)
{
	return (size_t)(load_u16(p + 12) - PAGE_HEADER) / 2;
}

static const uint8_t *node(const uint8_t *p, size_t i)
{
	return p + load_u16(p + PAGE_HEADER + 2 * i);
}

/* Bytes of a node in its page. */
static uint64_t node_size(const uint8_t *n, bool leaf)
{
	uint64_t size = NODE_HEADER + load_u16(n + 6);

	if (leaf)
		size += load_u16(n + 4) & NODE_BIG ? 8 : (uint64_t)stoa__load_u32(n);
	return (size + 1) & ~(uint64_t)1;
}

/* Does page @p have the form of its kind, and do its nodes tile it? Else why not. */
static const char *page_fault(struct walk *w, const uint8_t *p, uint64_t number, bool leaf)
{
	uint64_t size = w->meta.page_size;
	uint64_t lower = load_u16(p + 12), upper = load_u16(p + 14);
	uint64_t used = 0;

	if (stoa__load_u64(p) != number || load_u16(p + 10) != (leaf ? KIND_LEAF : KIND_BRANCH))
		return "is not the page that belongs here";
	if (lower < PAGE_HEADER + 2 || lower % 2 || lower > upper || upper > size || upper % 2)
		return "has bounds out of order";
	if (!leaf && !w->free_list && n_nodes(p) < 2)
		return "is a branch without a choice";
	memset(w->marks, 0, size);
	for (size_t i = 0; i < n_nodes(p); i++) {
		uint64_t at = load_u16(p + PAGE_HEADER + 2 * i);
		uint64_t n;

		if (at % 2 || at < upper || at > size - NODE_HEADER)
			return "has a node out of bounds";
		n = node_size(p + at, leaf);
		if (n > size - at || memchr(w->marks + at, 1, n))
			return "has a node that reaches into another";
		memset(w->marks + at, 1, n);
		used += n;
	}
	return used == size - upper ? NULL : "has bytes without a node";
}

/* Claims the overflow run of a value of @len bytes; *@offset is where the value begins. */
static int check_overflow(struct walk *w, uint64_t run, uint64_t len, uint64_t by,
			  uint64_t *offset)
{
	uint64_t size = w->meta.page_size;
	uint8_t p[PAGE_HEADER];
	uint8_t last_byte;
	uint64_t n;

	if (run < 2 || run > w->meta.last_page)
		return bad(w, by, "names an overflow page that is out of range");
	STOA_TRY(stoa__file_read(w->fd, w->name, run * size, p, sizeof p, w->err));
	n = stoa__load_u32(p + 12);
	if (stoa__load_u64(p) != run || load_u16(p + 10) != KIND_OVERFLOW || n < 1)
		return bad(w, run, "is not the overflow page that belongs here");
	if (len > n * size - PAGE_HEADER)
		return bad(w, run, "has fewer overflow pages than its value needs");
	STOA_TRY(claim(w, run, n, by));
	w->seen.n_overflow += n;
	*offset = run * size + PAGE_HEADER;
	/* LMDB will map it: the file must reach as far. */
	return len ? stoa__file_read(w->fd, w->name, *offset + len - 1, &last_byte, 1, w->err) :
		     STOA_OK;
}

/* ---- the free list ---- */

/* Some page numbers of an entry; *@last: the one before them, or NO_PAGE. */
static int check_free_run(struct walk *w, uint64_t page, const uint8_t *p, size_t n,
			  uint64_t *last)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t number = stoa__load_u64(p + 8 * i);

		if (number >= *last)
			return bad(w, page, "has a free list out of order");
		STOA_TRY(claim(w, number, 1, page));
		*last = number;
	}
	return STOA_OK;
}

/*
 * An entry of the free list whose data are @len bytes at @p, or if that is NULL at @offset of the
 * file.
 */
static int check_free(struct walk *w, uint64_t page, const uint8_t *key, const uint8_t *p,
		      uint64_t offset, uint64_t len)
{
	uint8_t buf[4096];
	uint64_t last = NO_PAGE;
	uint64_t count;

	if (stoa__load_u64(key) < 1 || stoa__load_u64(key) > w->meta.txnid)
		return bad(w, page, "has a free list of a transaction that was not yet");
	if (len < 8 || len % 8)
		return bad(w, page, "has a free list of an impossible length");
	if (p)
		memcpy(buf, p, 8);
	else
		STOA_TRY(stoa__file_read(w->fd, w->name, offset, buf, 8, w->err));
	count = stoa__load_u64(buf);
	if (count > len / 8 - 1)
		return bad(w, page, "has a free list longer than its place");
	if (p)
		return check_free_run(w, page, p + 8, (size_t)count, &last);
	for (offset += 8; count;) {
		size_t n = count < sizeof buf / 8 ? (size_t)count : sizeof buf / 8;

		STOA_TRY(stoa__file_read(w->fd, w->name, offset, buf, 8 * n, w->err));
		STOA_TRY(check_free_run(w, page, buf, n, &last));
		offset += 8 * n;
		count -= n;
	}
	return STOA_OK;
}

/* ---- the trees ---- */

static int visit_leaf(struct walk *w, uint64_t page, const uint8_t *p)
{
	for (size_t i = 0; i < n_nodes(p); i++) {
		const uint8_t *n = node(p, i);
		const uint8_t *key = n + NODE_HEADER;
		const uint8_t *data = key + load_u16(n + 6);
		uint64_t len = stoa__load_u32(n);
		uint64_t offset = 0;
		bool big = load_u16(n + 4) == NODE_BIG;

		if (load_u16(n + 4) & ~NODE_BIG)
			return bad(w, page, "has a node with flags that stoa does not use");
		STOA_TRY(next_key(w, page, key, load_u16(n + 6), false));
		if (big)
			STOA_TRY(check_overflow(w, stoa__load_u64(data), len, page, &offset));
		if (w->free_list)
			STOA_TRY(check_free(w, page, key, big ? NULL : data, offset, len));
	}
	w->seen.n_leaf++;
	w->seen.n_entries += n_nodes(p);
	return STOA_OK;
}

/* Page @page at @level from the root, 0; the tree's depth bounds the recursion. */
static int visit(struct walk *w, uint64_t page, uint64_t level, uint64_t depth)
{
	uint8_t *p = w->pages + level * w->meta.page_size;
	bool leaf = level + 1 == depth;
	const char *why;

	STOA_TRY(stoa__file_read(w->fd, w->name, page * w->meta.page_size, p, w->meta.page_size,
				 w->err));
	why = page_fault(w, p, page, leaf);
	if (why)
		return bad(w, page, why);
	if (leaf)
		return visit_leaf(w, page, p);
	w->seen.n_branch++;
	for (size_t i = 0; i < n_nodes(p); i++) {
		const uint8_t *n = node(p, i);
		uint64_t child = stoa__load_u32(n) | (uint64_t)load_u16(n + 4) << 32;

		if (i)
			STOA_TRY(next_key(w, page, n + NODE_HEADER, load_u16(n + 6), true));
		STOA_TRY(claim(w, child, 1, page));
		STOA_TRY(visit(w, child, level + 1, depth));
	}
	return STOA_OK;
}

static int walk_tree(struct walk *w, const struct tree *t, bool free_list)
{
	uint64_t slot = w->meta.txnid % 2;
	const struct tree *seen = &w->seen;

	w->free_list = free_list;
	w->last_kind = LAST_NONE;
	memset(&w->seen, 0, sizeof w->seen);
	if (t->root == NO_PAGE)
		return STOA_OK;
	STOA_TRY(claim(w, t->root, 1, slot));
	STOA_TRY(visit(w, t->root, 0, t->depth));
	if (seen->n_branch != t->n_branch || seen->n_leaf != t->n_leaf ||
	    seen->n_overflow != t->n_overflow || seen->n_entries != t->n_entries)
		return bad(w, slot, "counts other pages or entries than there are");
	return STOA_OK;
}

static int walk_trees(struct walk *w)
{
	uint64_t depth = w->meta.free.depth > w->meta.table.depth ? w->meta.free.depth :
								      w->meta.table.depth;

	w->claimed = stoa__calloc(STOA__WORDS(w->meta.last_page + 1), sizeof *w->claimed);
	w->pages = stoa__alloc((size_t)((depth + 1) * w->meta.page_size));
	w->marks = stoa__alloc((size_t)w->meta.page_size);
	if (!w->claimed || !w->pages || !w->marks)
		return stoa__fail_memory(w->err);
	/* The table first: a free list that names its pages is then the one to blame. */
	STOA_TRY(walk_tree(w, &w->meta.table, false));
	return walk_tree(w, &w->meta.free, true);
}

static int validate(int fd, const char *name, int (*look)(struct walk *w),
		    struct stoa__lmdb_shape *out, struct stoa_error *err)
{
	struct walk *w = stoa__calloc(1, sizeof *w);
	int rc;

	if (!w)
		return stoa__fail_memory(err);
	w->fd = fd;
	w->name = name;
	w->err = err;
	rc = read_metas(w);
	if (rc == STOA_OK && look)
		rc = look(w);
	if (rc == STOA_OK) {
		out->txnid = w->meta.txnid;
		out->page_size = w->meta.page_size;
		out->last_page = w->meta.last_page;
		out->n_entries = w->meta.table.n_entries;
	}
	stoa__free(w->claimed);
	stoa__free(w->pages);
	stoa__free(w->marks);
	stoa__free(w);
	return rc;
}

int stoa__validate_lmdb(int fd, const char *name, struct stoa__lmdb_shape *out,
			struct stoa_error *err)
{
	return validate(fd, name, walk_trees, out, err);
}

int stoa__validate_metas(int fd, const char *name, struct stoa__lmdb_shape *out,
			 struct stoa_error *err)
{
	return validate(fd, name, NULL, out, err);
}

int stoa__lmdb_renumber(int fd, const char *name, uint64_t txnid, struct stoa_error *err)
{
	uint8_t bytes[2][META_SIZE];
	struct stoa__lmdb_shape shape = { 0 };

	STOA_TRY(stoa__validate_metas(fd, name, &shape, err));
	if (shape.txnid != 1)
		return stoa__fail_corrupt(err, name, 0, "it is not a copy");
	for (uint64_t slot = 0; slot < 2; slot++)
		STOA_TRY(stoa__file_read(fd, name, slot * shape.page_size, bytes[slot], META_SIZE,
					 err));
	for (uint64_t old = 0; old < 2; old++) {
		uint64_t id = txnid - (old == 0), slot = id % 2;

		memcpy(bytes[old], &slot, sizeof slot);
		memcpy(bytes[old] + META_TXNID, &id, sizeof id);
		STOA_TRY(stoa__file_write(fd, name, slot * shape.page_size, bytes[old], META_SIZE,
					  err));
	}
	return STOA_OK;
}
