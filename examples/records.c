/* SPDX-License-Identifier: MIT */
/*
 * records.c - records that change: a shelf of books, and who has borrowed which
 *
 *     records [DB]      default: in memory; with a name it is on disk, and there the next time
 *
 * Shows inserting, reading, changing and deleting rows by rowid, a transaction that changes its
 * mind, and what a mistake looks like.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../lib/stoa.h"

enum { TITLE, AUTHOR, YEAR, BORROWER, N_SLOTS };

static const struct stoa_slot slots[N_SLOTS] = {
	[TITLE] = { .name = "title", .type = STOA_STRING, .flags = STOA_NOT_NULL },
	[AUTHOR] = { .name = "author", .type = STOA_STRING },
	[YEAR] = { .name = "year", .type = STOA_I16 },
	[BORROWER] = { .name = "borrower", .type = STOA_STRING },
};

static struct stoa_error err;

/* Every call reports in the same way, so one function is enough for a small program. */
static void must(int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "records: %s: %s\n", stoa_result_name(rc), err.text);
	exit(1);
}

static stoa_rowid add(stoa_txn *txn, stoa_table books, const char *title, const char *author,
		      int year)
{
	struct stoa_value book[N_SLOTS] = {
		[TITLE] = stoa_text(title),
		[AUTHOR] = stoa_text(author),
		[YEAR] = stoa_i64(year),
		[BORROWER] = stoa_null(),
	};
	stoa_rowid row;

	must(stoa_insert(txn, books, book, N_SLOTS, &row, &err));
	return row;
}

static void lend(stoa_txn *txn, stoa_table books, stoa_rowid row, const char *to)
{
	const uint32_t slot = BORROWER;
	struct stoa_value borrower = to ? stoa_text(to) : stoa_null();

	must(stoa_update(txn, books, row, &slot, &borrower, 1, &err));
}

static void show(stoa_txn *txn, stoa_table books, const char *when)
{
	const struct stoa_value *book;
	stoa_cursor *cur;
	int rc;

	printf("%s\n", when);
	must(stoa_scan(txn, books, NULL, 0, &cur, &err));
	while ((rc = stoa_next(cur, &book, &err)) == STOA_ROW) {
		printf("  %llu  %-24.*s %-20.*s %lld", (unsigned long long)stoa_cursor_rowid(cur),
		       (int)book[TITLE].len, book[TITLE].p, (int)book[AUTHOR].len, book[AUTHOR].p,
		       (long long)book[YEAR].i);
		if (book[BORROWER].type != STOA_NULL)
			printf("  lent to %.*s", (int)book[BORROWER].len, book[BORROWER].p);
		putchar('\n');
	}
	must(rc);
	stoa_cursor_close(cur);
}

int main(int argc, char **argv)
{
	struct stoa_value wrong[N_SLOTS] = { stoa_null(), stoa_null(), stoa_null(), stoa_null() };
	stoa_rowid emma, middlemarch;
	stoa_table books;
	stoa_txn *txn;
	stoa_db *db;

	must(stoa_open(argc > 1 ? argv[1] : NULL, NULL, &db, &err));
	must(stoa_begin(db, STOA_WRITE, &txn, &err));
	if (stoa_table_find(txn, "books", &books, &err) < 0)
		must(stoa_table_create(txn, "books", slots, N_SLOTS, &books, &err));
	emma = add(txn, books, "Emma", "Jane Austen", 1815);
	middlemarch = add(txn, books, "Middlemarch", "George Eliot", 1871);
	add(txn, books, "The Waves", "Virginia Woolf", 1931);
	must(stoa_commit(txn, &err));

	must(stoa_begin(db, STOA_WRITE, &txn, &err));
	lend(txn, books, emma, "Ada");
	lend(txn, books, middlemarch, "Grace");
	must(stoa_commit(txn, &err));

	must(stoa_begin(db, STOA_WRITE, &txn, &err));
	lend(txn, books, emma, NULL);
	must(stoa_delete(txn, books, middlemarch, &err));
	show(txn, books, "Emma is back and Middlemarch lost, says this transaction:");
	stoa_abort(txn);

	must(stoa_begin(db, STOA_READ, &txn, &err));
	show(txn, books, "It was a mistake, and never happened:");
	stoa_abort(txn);

	must(stoa_begin(db, STOA_WRITE, &txn, &err));
	if (stoa_insert(txn, books, wrong, N_SLOTS, NULL, &err) < 0)
		printf("A book without a title: %s, %s\n", stoa_result_name(err.code), err.text);
	stoa_abort(txn);
	must(stoa_close(db, &err));
	return 0;
}
