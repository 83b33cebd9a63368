/* SPDX-License-Identifier: MIT */
/* block.c - see block.h for the idea and the invariants */
#include "block.h"

#include "core/alloc.h"
#include "visitor.h"

#define APART UINT64_MAX	/* the stamp of a version that is nobody's; no other's */

static void list_init(struct stoa__link *head)
{
	head->next = head->prev = head;
}

void stoa__blocks_init(struct stoa__link *list)
{
	list_init(list);
}

static bool list_empty(const struct stoa__link *head)
{
	return head->next == head;
}

static void list_add(struct stoa__link *head, struct stoa__link *l)
{
	l->next = head->next;
	l->prev = head;
	head->next->prev = l;
	head->next = l;
}

static void list_remove(struct stoa__link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

/* Moves all of @from to the front of @to. */
static void list_splice(struct stoa__link *to, struct stoa__link *from)
{
	if (list_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	from->next->prev = to;
	list_init(from);
}

/* link is the first member. */
static struct stoa__block *block_of(struct stoa__link *l)
{
	return (struct stoa__block *)(void *)l;
}

/* ---- blocks ---- */

/*
 * Bytes that a version's own thread makes or gives up are counted in the version, and told to all in
 * lots: a locked addition to what threads share takes as long as a small block's malloc().
 */
#define TOLD_MIN 65536

static void tell(struct stoa__version *w)
{
	if (w->bytes)
		atomic_fetch_add_explicit(&w->history->bytes, w->bytes, memory_order_relaxed);
	w->bytes = 0;
}

static void count(struct stoa__version *w, int64_t bytes)
{
	w->bytes += bytes;
	if (w->bytes >= TOLD_MIN || w->bytes <= -TOLD_MIN)
		tell(w);
}

/*
 * A transaction copies some small blocks, and its commit ends as many of the same sizes. Only the
 * thread that has the writer's lock comes to what is spared; a version apart belongs to another one.
 */
static bool may_spare(const struct stoa__version *w)
{
	return w->stamp != APART;
}

/* Memory for a block of @w, zeroed with @zeros. */
static void *block_alloc(struct stoa__version *w, size_t size, bool zeros)
{
	void *p;

	if (size > SPARES_SIZE_MAX)
		return zeros ? stoa__calloc(1, size) : stoa__alloc(size);
	p = may_spare(w) ? stoa__spares_take(&w->history->spares, size) :
			   stoa__alloc(stoa__spares_room(size));
	return p && zeros ? memset(p, 0, size) : p;
}

/* A block just made enters the working version. */
static void bear(struct stoa__version *w, struct stoa__block *b)
{
	b->born = w->stamp;
	list_add(&w->born, &b->link);
	count(w, (int64_t)stoa__block_bytes(b));
}

void *stoa__block_new(struct stoa__version *w, enum stoa__block_kind kind, size_t size)
{
	struct stoa__block *b;

	if (size >= STOA__BLOCK_SIZE_MAX)
		return NULL;
	b = block_alloc(w, size, true);
	if (!b)
		return NULL;
	b->kind = (uint8_t)kind;
	b->size = (uint32_t)size & (STOA__BLOCK_SIZE_MAX - 1);
	bear(w, b);
	return b;
}

void *stoa__block_copy(struct stoa__version *w, const struct stoa__block *old)
{
	struct stoa__block *b = block_alloc(w, old->size, false);

	STOA_ASSERT(!old->release);
	if (!b)
		return NULL;
	memcpy(b, old, old->size);
	bear(w, b);
	return b;
}

void stoa__block_adopt(struct stoa__block *b)
{
	list_remove(&b->link);
}

void stoa__block_grow(struct stoa__version *w, struct stoa__block *b, size_t extra)
{
	b->extra += extra;
	count(w, (int64_t)extra);
}

/*
 * Ends a block that is in no list; how many bytes it had. @w: the working version at whose hands it
 * ends, or NULL.
 */
static int64_t end_block(struct stoa__version *w, struct stoa__block *b)
{
	int64_t bytes = (int64_t)stoa__block_bytes(b);

	if (b->release)
		b->release(b);
	if (w && may_spare(w))
		stoa__spares_give(&w->history->spares, b, b->size);
	else
		stoa__free(b);
	return bytes;
}

void stoa__block_free(struct stoa__history *h, struct stoa__block *b)
{
	atomic_fetch_sub_explicit(&h->bytes, end_block(NULL, b), memory_order_relaxed);
}

/* Was @b born by the transaction that @w is the working version of? */
static bool is_uncommitted(const struct stoa__version *w, const struct stoa__block *b)
{
	const struct stoa__version *v = w->older;

	while (!v->commit)
		v = v->older;
	return b->born > v->stamp;
}

void stoa__block_retire(struct stoa__version *w, struct stoa__block *b)
{
	/* Born after the neighbour: under @w's stamp, or that of a version that has gone since. */
	if (b->born > w->older->stamp) {
		list_remove(&b->link);
		count(w, -end_block(w, b));
		return;
	}
	if (is_uncommitted(w, b))
		list_remove(&b->link);
	list_add(&w->retired, &b->link);
}

int stoa__block_replace(struct stoa__version *w, struct stoa__block *old, void *slot)
{
	struct stoa__block *b = stoa__block_copy(w, old);

	if (!b)
		return STOA_ENOMEM;
	stoa__block_retire(w, old);
	memcpy(slot, &b, sizeof b);
	return STOA_OK;
}

/* ---- versions ---- */

/* Mutex held, but by who makes the history. */
static struct stoa__version *version_new(struct stoa__history *h)
{
	struct stoa__version *v = h->spare;

	h->spare = NULL;
	if (v)
		memset(v, 0, sizeof *v);
	else
		v = stoa__calloc(1, sizeof *v);
	if (!v)
		return NULL;
	v->history = h;
	list_init(&v->born);
	list_init(&v->retired);
	list_init(&v->dead);
	return v;
}

/*
 * Every commit needs a version, and most give one up: a pair of malloc() and free() less. Mutex
 * held.
 */
static void version_keep(struct stoa__history *h, struct stoa__version *v)
{
	stoa__free(h->spare);
	h->spare = v;
}

int stoa__history_init(struct stoa__history *h)
{
	struct stoa__version *v;

	memset(h, 0, sizeof *h);
	v = version_new(h);
	if (!v)
		return STOA_ENOMEM;
	if (pthread_mutex_init(&h->mutex, NULL)) {
		stoa__free(v);
		return STOA_ENOMEM;
	}
	v->stamp = h->stamp = 1;
	v->commit = 1;
	v->next_table = 1;
	v->holds = 2;
	h->oldest = h->head = h->published = v;
	return STOA_OK;
}

/* Ends all of @list, which is in @h; @w as for end_block(). */
static void end_all(struct stoa__history *h, struct stoa__version *w, struct stoa__link *list)
{
	struct stoa__link *l, *next;
	int64_t bytes = 0;

	if (list_empty(list))
		return;
	for (l = list->next; l != list; l = next) {
		next = l->next;
		bytes += end_block(w, block_of(l));
	}
	list_init(list);
	atomic_fetch_sub_explicit(&h->bytes, bytes, memory_order_relaxed);
}

static void free_all(struct stoa__history *h, struct stoa__link *list)
{
	end_all(h, NULL, list);
}

void stoa__blocks_free(struct stoa__history *h, struct stoa__link *list)
{
	free_all(h, list);
}

void stoa__history_release(struct stoa__history *h, void (*free_tree)(struct stoa__version *v))
{
	struct stoa__version *v = h->oldest;

	stoa__free(h->spare);
	stoa__spares_release(&h->spares);
	while (v) {
		struct stoa__version *newer = v->newer;

		free_all(h, &v->dead);
		if (!newer)
			free_tree(v);
		stoa__free(v);
		v = newer;
	}
	if (h->oldest)
		pthread_mutex_destroy(&h->mutex);
	memset(h, 0, sizeof *h);
}

uint64_t stoa__history_bytes(struct stoa__history *h)
{
	int64_t bytes = atomic_load_explicit(&h->bytes, memory_order_relaxed);

	/* What was born and is not told of yet may have been freed by another thread. */
	return bytes > 0 ? (uint64_t)bytes : 0;
}

struct stoa__version *stoa__history_snapshot(struct stoa__history *h)
{
	struct stoa__version *v;

	pthread_mutex_lock(&h->mutex);
	v = h->published;
	v->holds++;
	pthread_mutex_unlock(&h->mutex);
	return v;
}

struct stoa__version *stoa__history_snapshot_quietly(struct stoa__history *h)
{
	struct stoa__version *v;

	pthread_mutex_lock(&h->mutex);
	v = h->published;
	v->holds++;
	v->quiet++;
	pthread_mutex_unlock(&h->mutex);
	return v;
}

void stoa__version_hold(struct stoa__version *v)
{
	pthread_mutex_lock(&v->history->mutex);
	v->holds++;
	pthread_mutex_unlock(&v->history->mutex);
}

/*
 * @older is working version @w's neighbour now: what @w retired and @older does not see, nobody
 * sees. It must not wait for the commit, or a transaction that reads by cursors as it writes would
 * keep all that it ever wrote.
 */
static void free_retired(struct stoa__version *w, const struct stoa__version *older,
			 struct stoa__link *doomed)
{
	struct stoa__link *l, *next;

	for (l = w->retired.next; l != &w->retired; l = next) {
		next = l->next;
		if (block_of(l)->born > older->stamp) {
			list_remove(l);
			list_add(doomed, l);
		}
	}
}

/* Does something hold all that @v sees? */
static bool is_whole(const struct stoa__version *v)
{
	return v->holds > v->n_visitors;
}

/*
 * Each block of @list goes to the newest version from @v back that needs it, or where none does to
 * @doomed. Mutex held.
 */
static void pass_on(struct stoa__link *list, struct stoa__version *v, struct stoa__link *doomed)
{
	/* Mostly nobody has an older version. */
	if (!v)
		list_splice(doomed, list);
	while (!list_empty(list)) {
		struct stoa__block *b = block_of(list->next);
		struct stoa__version *heir = v;

		while (heir && b->born <= heir->stamp && !is_whole(heir) &&
		       !stoa__visitors_need(heir, b))
			heir = heir->older;
		list_remove(&b->link);
		list_add(heir && b->born <= heir->stamp ? &heir->dead : doomed, &b->link);
	}
}

void stoa__version_sift(struct stoa__version *v, struct stoa__link *doomed)
{
	struct stoa__link list;

	if (is_whole(v) || list_empty(&v->dead))
		return;
	list_init(&list);
	list_splice(&list, &v->dead);
	pass_on(&list, v, doomed);
	v->passed = v->sifted = 0;
	for (const struct stoa__link *l = v->dead.next; l != &v->dead; l = l->next)
		v->sifted++;
}

/* What working version @w retired is dead in its older neighbour. Mutex held. */
static void bury(struct stoa__version *w, struct stoa__link *doomed)
{
	if (is_whole(w->older))
		list_splice(&w->older->dead, &w->retired);
	else
		pass_on(&w->retired, w->older, doomed);
}

/* Takes @v out of the line; what nobody sees any more goes to @doomed. Mutex held. */
static void unlink_version(struct stoa__version *v, struct stoa__link *doomed)
{
	struct stoa__version *older = v->older, *newer = v->newer;

	pass_on(&v->dead, older, doomed);
	if (newer) {
		list_splice(&newer->born, &v->born);
		newer->older = older;
		if (!v->commit)
			free_retired(newer, older, doomed);
	}
	if (older)
		older->newer = newer;
	else
		v->history->oldest = newer;
}

/* Gives up a hold; mutex held. The version is to be freed by the caller if true is returned. */
static bool drop_locked(struct stoa__version *v, struct stoa__link *doomed)
{
	if (--v->holds) {
		stoa__version_sift(v, doomed);
		return false;
	}
	if (!v->gone)
		unlink_version(v, doomed);
	return true;
}

void stoa__version_hold_quietly(struct stoa__version *v)
{
	pthread_mutex_lock(&v->history->mutex);
	v->holds++;
	v->quiet++;
	pthread_mutex_unlock(&v->history->mutex);
}

/* In one go: for an instant a quiet hold must not look like one of the application. */
static void drop(struct stoa__version *v, uint32_t quiet)
{
	struct stoa__history *h = v->history;
	struct stoa__link doomed;
	bool last;

	list_init(&doomed);
	pthread_mutex_lock(&h->mutex);
	v->quiet -= quiet;
	last = drop_locked(v, &doomed);
	pthread_mutex_unlock(&h->mutex);
	free_all(h, &doomed);
	if (last)
		stoa__free(v);
}

void stoa__version_drop_quietly(struct stoa__version *v)
{
	drop(v, 1);
}

void stoa__version_drop(struct stoa__version *v)
{
	drop(v, 0);
}

/* @w shows what @v shows, under a new stamp. Mutex held. */
static void continue_from(struct stoa__version *w, const struct stoa__version *v)
{
	w->stamp = ++w->history->stamp;
	w->tables = v->tables;
	w->recent = NULL;
	w->next_table = v->next_table;
	w->pushed = !v->commit && v->pushed;
}

void stoa__version_apart(struct stoa__version *apart, struct stoa__version *beside)
{
	memset(apart, 0, sizeof *apart);
	apart->history = beside->history;
	apart->older = beside;
	apart->stamp = APART;
	list_init(&apart->born);
	list_init(&apart->retired);
	list_init(&apart->dead);
}

void stoa__version_adopt(struct stoa__version *w, struct stoa__version *apart)
{
	for (struct stoa__link *l = apart->born.next; l != &apart->born; l = l->next)
		block_of(l)->born = w->stamp;
	list_splice(&w->born, &apart->born);
	tell(apart);
}

void stoa__version_discard(struct stoa__version *apart)
{
	tell(apart);
	free_all(apart->history, &apart->born);
}

struct stoa__version *stoa__history_begin(struct stoa__history *h)
{
	struct stoa__version *w;

	pthread_mutex_lock(&h->mutex);
	w = version_new(h);
	if (w) {
		h->head->holds++;
		continue_from(w, h->head);
		w->older = h->head;
		w->holds = 1;
		h->head->newer = w;
	}
	pthread_mutex_unlock(&h->mutex);
	return w;
}

struct stoa__version *stoa__history_freeze(struct stoa__version *w)
{
	struct stoa__version *next;
	struct stoa__link doomed;

	list_init(&doomed);
	tell(w);
	pthread_mutex_lock(&w->history->mutex);
	next = version_new(w->history);
	if (next) {
		bury(w, &doomed);
		continue_from(next, w);
		next->older = w;
		next->holds = 1;
		w->newer = next;
	}
	pthread_mutex_unlock(&w->history->mutex);
	end_all(w->history, w, &doomed);
	return next;
}

/*
 * The version up to @v, of the same transaction, that a block born under stamp @born is to go with.
 */
static struct stoa__version *birthplace(struct stoa__version *v, uint64_t born)
{
	while (v->older->stamp >= born)
		v = v->older;
	return v;
}

/* Sorts @list into what lives again in @to and what was born after it. */
static void revive(struct stoa__link *list, struct stoa__version *to,
		   const struct stoa__version *base, struct stoa__link *doomed)
{
	while (!list_empty(list)) {
		struct stoa__link *l = list->next;
		uint64_t born = block_of(l)->born;

		list_remove(l);
		if (born > to->stamp)
			list_add(doomed, l);
		else if (born > base->stamp)
			list_add(&birthplace(to, born)->born, l);
	}
}

void stoa__history_rollback(struct stoa__version *w, struct stoa__version *to,
			    const struct stoa__version *base)
{
	struct stoa__history *h = w->history;
	struct stoa__link doomed;
	struct stoa__version *v, *older;

	list_init(&doomed);
	tell(w);
	pthread_mutex_lock(&h->mutex);
	STOA_ASSERT(is_whole(to));
	revive(&w->retired, to, base, &doomed);
	for (v = w; v != to; v = older) {
		older = v->older;
		list_splice(&doomed, &v->born);
		revive(&older->dead, to, base, &doomed);
		if (v != w) {
			/* held by cursors, which must not read any more */
			v->gone = true;
			v->older = v->newer = NULL;
		}
	}
	w->older = to;
	to->newer = w;
	continue_from(w, to);
	pthread_mutex_unlock(&h->mutex);
	end_all(h, w, &doomed);
}

/*
 * Gives up what held the versions from @from to the one before @to until they were published. Mutex
 * held.
 */
static void drop_pending(struct stoa__version *from, struct stoa__version *to,
			 struct stoa__link *doomed)
{
	struct stoa__version *v, *newer;

	for (v = from; v != to; v = newer) {
		newer = v->newer;
		if (!v->pending)
			continue;
		v->pending = false;
		if (drop_locked(v, doomed))
			version_keep(v->history, v);
	}
}

/* Publishes the newest version that shows a commit up to @commit. Mutex held. */
static void publish_locked(struct stoa__history *h, uint64_t commit, struct stoa__link *doomed)
{
	struct stoa__version *v, *old = h->published;

	for (v = h->head; v != old && v->commit > commit; v = v->older)
		;
	if (v == old)
		return;
	/* Head's own hold stays with head; another's becomes that of the published version. */
	if (v == h->head)
		v->holds++;
	v->pending = false;
	h->published = v;
	old->pending = true;
	drop_pending(old, v, doomed);
}

void stoa__history_publish(struct stoa__history *h, uint64_t commit)
{
	struct stoa__link doomed;

	list_init(&doomed);
	pthread_mutex_lock(&h->mutex);
	publish_locked(h, commit, &doomed);
	pthread_mutex_unlock(&h->mutex);
	free_all(h, &doomed);
}

void stoa__history_commit(struct stoa__version *w, struct stoa__version *base, uint64_t commit,
			  bool publish)
{
	struct stoa__history *h = w->history;
	struct stoa__link doomed;
	bool last;

	STOA_ASSERT(base == h->head);
	list_init(&doomed);
	tell(w);
	pthread_mutex_lock(&h->mutex);
	bury(w, &doomed);
	for (struct stoa__version *v = w; !v->commit; v = v->older) {
		list_init(&v->born);
		v->commit = commit;
	}
	h->head = w;	/* its hold as the working version is now that of head */
	base->holds--;	/* the transaction's; what is left is that of head */
	base->pending = base != h->published;
	last = !base->pending && drop_locked(base, &doomed);
	if (publish)
		publish_locked(h, commit, &doomed);
	if (last)
		version_keep(h, base);
	pthread_mutex_unlock(&h->mutex);
	end_all(h, w, &doomed);
}

void stoa__history_end(struct stoa__version *w, struct stoa__version *base)
{
	struct stoa__history *h = w->history;

	STOA_ASSERT(list_empty(&w->born) && list_empty(&w->retired) && w->older == base);
	tell(w);
	pthread_mutex_lock(&h->mutex);
	base->newer = NULL;
	pthread_mutex_unlock(&h->mutex);
	stoa__free(w);
	stoa__version_drop(base);
}

bool stoa__history_is_published(struct stoa__history *h, uint64_t commit)
{
	bool yes;

	pthread_mutex_lock(&h->mutex);
	yes = h->published->commit >= commit;
	pthread_mutex_unlock(&h->mutex);
	return yes;
}

uint64_t stoa__history_commit_of_head(struct stoa__history *h)
{
	uint64_t commit;

	pthread_mutex_lock(&h->mutex);
	commit = h->head->commit;
	pthread_mutex_unlock(&h->mutex);
	return commit;
}

bool stoa__history_is_held(struct stoa__history *h)
{
	bool held = false;

	pthread_mutex_lock(&h->mutex);
	for (struct stoa__version *v = h->oldest; v; v = v->newer)
		held |= stoa__version_n_snapshots(v) > 0;
	pthread_mutex_unlock(&h->mutex);
	return held;
}

uint64_t stoa__history_pinned(struct stoa__history *h,
			      void (*each)(void *ctx, const struct stoa__version *v,
					   const struct stoa__block *b),
			      void *ctx)
{
	uint64_t commit;

	pthread_mutex_lock(&h->mutex);
	commit = h->oldest->commit;
	for (struct stoa__version *v = h->oldest; v && v != h->published; v = v->newer)
		for (struct stoa__link *l = v->dead.next; l != &v->dead; l = l->next)
			each(ctx, v, block_of(l));
	pthread_mutex_unlock(&h->mutex);
	return commit;
}

bool stoa__snapshots_need(const struct stoa__version *v, const struct stoa__block *b)
{
	for (; v && b->born <= v->stamp; v = v->older) {
		uint32_t n = stoa__version_n_snapshots(v);

		if (n && (n > v->n_visitors || stoa__visitors_need(v, b)))
			return true;
	}
	return false;
}

uint64_t stoa__history_heap(struct stoa__history *h)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&h->mutex);
	for (struct stoa__version *v = h->oldest; v; v = v->newer)
		sum += stoa__alloc_size(v);
	sum += stoa__alloc_size(h->spare) + stoa__spares_bytes(&h->spares);
	pthread_mutex_unlock(&h->mutex);
	return sum;
}

uint64_t stoa__history_n_snapshots(struct stoa__history *h)
{
	uint64_t n = 0;

	pthread_mutex_lock(&h->mutex);
	for (struct stoa__version *v = h->oldest; v && v != h->head; v = v->newer)
		n += v != h->published && v->holds > (uint32_t)v->pending + v->quiet;
	pthread_mutex_unlock(&h->mutex);
	return n;
}

uint64_t stoa__history_n_cursors(struct stoa__history *h)
{
	uint64_t n = 0;

	pthread_mutex_lock(&h->mutex);
	for (struct stoa__version *v = h->oldest; v; v = v->newer)
		n += stoa__visitors_count_cursors(v);
	pthread_mutex_unlock(&h->mutex);
	return n;
}
