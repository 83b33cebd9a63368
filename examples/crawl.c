/* SPDX-License-Identifier: MIT */
/*
 * crawl.c - a crawler that may be killed at any time: a frontier, a set of what was seen, results
 *
 *     crawl DB [PAGES [WORKERS]]
 *
 * The web here is made up: PAGES pages, each with a few links. A worker claims a page of the
 * frontier, reads it, and in one transaction stores what it found, pushes the links that nobody has
 * seen, marks them as seen and acknowledges the page. So however often the program is killed and
 * started again, in the end each page has been stored exactly once.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/stoa.h"

#define LINKS 3
#define LEASE_MS 30000
#define WORKERS_MAX 64

static struct {
	stoa_db *db;
	stoa_table frontier, seen, results;
	stoa_index order, known;
	uint64_t n_pages;
} crawl;

static void must(int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "crawl: %s: %s\n", stoa_result_name(rc), err->text);
	exit(1);
}

static stoa_txn *begin(unsigned flags)
{
	struct stoa_error err;
	stoa_txn *txn;

	must(stoa_begin(crawl.db, flags, &txn, &err), &err);
	return txn;
}

static void commit(stoa_txn *txn)
{
	struct stoa_error err;

	must(stoa_commit(txn, &err), &err);
}

/* Adds a page to the frontier, unless it has been there before. */
static void discover(stoa_txn *txn, uint64_t page)
{
	struct stoa_value v = stoa_u64(page);
	struct stoa_error err;
	int rc = stoa_set_find(txn, crawl.seen, crawl.known, &v, 1, NULL, &err);

	must(rc, &err);
	if (rc == STOA_ROW)
		return;
	must(stoa_insert(txn, crawl.seen, &v, 1, NULL, &err), &err);
	must(stoa_insert(txn, crawl.frontier, &v, 1, NULL, &err), &err);
}

/* A table of one slot, the page's number, and an index on it. */
static stoa_table make(stoa_txn *txn, const char *name, const struct stoa_index_options *options,
		       stoa_index *index)
{
	static const struct stoa_slot slot = { .name = "page", .type = STOA_U64,
					       .flags = STOA_NOT_NULL };
	struct stoa_error err;
	stoa_table table;

	must(stoa_table_create(txn, name, &slot, 1, &table, &err), &err);
	if (options)
		must(stoa_index_create(txn, table, options, index, &err), &err);
	return table;
}

static void make_tables(stoa_txn *txn)
{
	struct stoa_index_options deque = STOA_INDEX_OPTIONS_INIT, set = STOA_INDEX_OPTIONS_INIT;
	static const uint32_t page = 0;

	deque.kind = STOA_INDEX_DEQUE;
	deque.name = "order";
	set.kind = STOA_INDEX_SET;
	set.flags = STOA_INDEX_UNIQUE;
	set.name = "known";
	set.slots = &page;
	set.n_slots = 1;
	crawl.frontier = make(txn, "frontier", &deque, &crawl.order);
	crawl.seen = make(txn, "seen", &set, &crawl.known);
	crawl.results = make(txn, "result", NULL, NULL);
	discover(txn, 0);
}

static void open_tables(void)
{
	struct stoa_error err;
	stoa_txn *txn = begin(STOA_WRITE);

	if (stoa_table_find(txn, "frontier", &crawl.frontier, &err) == STOA_ENOTFOUND) {
		make_tables(txn);
	} else {
		must(stoa_table_find(txn, "seen", &crawl.seen, &err), &err);
		must(stoa_table_find(txn, "result", &crawl.results, &err), &err);
		must(stoa_index_find(txn, crawl.frontier, "order", &crawl.order, &err), &err);
		must(stoa_index_find(txn, crawl.seen, "known", &crawl.known, &err), &err);
	}
	commit(txn);
}

/*
 * What a page links to. This is where a crawler would use the network; it holds no transaction
 * meanwhile.
 */
static void read_page(uint64_t page, uint64_t links[LINKS])
{
	usleep(200);
	for (uint64_t i = 0; i < LINKS; i++)
		links[i] = (page * LINKS + i + 1) % crawl.n_pages;
}

/* Stores what was found; a lease that is over means that another worker has the page. */
static void store(const struct stoa_lease *lease, uint64_t page, const uint64_t links[LINKS])
{
	struct stoa_value v = stoa_u64(page);
	stoa_txn *txn = begin(STOA_WRITE);
	struct stoa_error err;
	int rc;

	must(stoa_insert(txn, crawl.results, &v, 1, NULL, &err), &err);
	for (int i = 0; i < LINKS; i++)
		discover(txn, links[i]);
	rc = stoa_deque_ack(txn, crawl.frontier, crawl.order, lease, &err);
	if (rc == STOA_ESTATE) {
		stoa_abort(txn);
		return;
	}
	must(rc, &err);
	commit(txn);
}

/* Claims a page: STOA_ROW, or STOA_END with *@busy saying whether others may still find some. */
static int claim(stoa_consumer *me, struct stoa_lease *lease, uint64_t *page, int *busy)
{
	struct stoa_deque_stat stat = STOA_DEQUE_STAT_INIT;
	stoa_txn *txn = begin(STOA_WRITE);
	struct stoa_error err;
	struct stoa_value v;
	size_t n;
	int rc = stoa_deque_claim(txn, crawl.frontier, crawl.order, NULL, me, LEASE_MS, lease, 1, &n,
				  &err);

	must(rc, &err);
	if (rc == STOA_ROW) {
		must(stoa_get(txn, crawl.frontier, lease->row, &v, 1, &err), &err);
		*page = v.u;
	}
	must(stoa_deque_stat(txn, crawl.frontier, crawl.order, &stat, &err), &err);
	*busy = stat.n_claimed > 0;
	commit(txn);
	return rc;
}

static void *work(void *arg)
{
	uint64_t page, links[LINKS];
	struct stoa_lease lease;
	struct stoa_error err;
	stoa_consumer *me;
	int busy = 1;

	must(stoa_consumer_open(crawl.db, &me, &err), &err);
	while (busy) {
		if (claim(me, &lease, &page, &busy) == STOA_ROW) {
			read_page(page, links);
			store(&lease, page, links);
		} else if (busy) {
			must(stoa_consumer_wait(me, 100, &err), &err);
		}
	}
	stoa_consumer_close(me);
	return arg;
}

static void print_result(void)
{
	stoa_txn *txn = begin(STOA_READ);
	const struct stoa_value *v;
	struct stoa_error err;
	stoa_cursor *cur;

	must(stoa_query(txn, "SELECT count(*), count(DISTINCT page) FROM result", &cur, &err), &err);
	must(stoa_next(cur, &v, &err), &err);
	printf("%lld pages stored, %lld different ones\n", (long long)v[0].i, (long long)v[1].i);
	stoa_cursor_close(cur);
	stoa_abort(txn);
}

int main(int argc, char **argv)
{
	int n_workers = argc > 3 ? atoi(argv[3]) : 4;
	struct stoa_options options = STOA_OPTIONS_INIT;
	pthread_t workers[WORKERS_MAX];
	struct stoa_error err;

	crawl.n_pages = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000;
	if (argc < 2 || argv[1][0] == '-' || !crawl.n_pages || n_workers < 1 || n_workers > WORKERS_MAX) {
		fprintf(stderr, "usage: crawl DB [PAGES [WORKERS]]\n");
		return 2;
	}
	options.durability = STOA_LAZY;
	must(stoa_open(argv[1], &options, &crawl.db, &err), &err);
	open_tables();
	for (int i = 0; i < n_workers; i++)
		if (pthread_create(&workers[i], NULL, work, NULL))
			return 1;
	for (int i = 0; i < n_workers; i++)
		pthread_join(workers[i], NULL);
	print_result();
	must(stoa_close(crawl.db, &err), &err);
	return 0;
}
