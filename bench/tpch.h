/* SPDX-License-Identifier: MIT */
/*
 * tpch.h - the tables of TPC-H, made row by row from the specification's random streams
 *
 *     struct tpch_orders g;
 *     struct tpch_order order;
 *
 *     tpch_orders_init(&g, 1.0, 0);            scale factor 1, from the first order on
 *     while (tpch_orders_next(&g, &order))
 *             use(&order, order.lines, order.n_lines);
 *
 * A row depends on the scale factor and its own number alone, so that any range of rows can be
 * made by itself: give tpch_orders_init() the number of its first order. Orders and lineitems come
 * together because they share their streams: an order's price is the sum of its lines. The other
 * six tables are small, and their rows come as text, a field after the other.
 * Threads: none are used; generators are independent of each other.
 */
#ifndef BENCH_TPCH_H
#define BENCH_TPCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPCH_SF_MAX 1000.0 /* keys of parts and customers stay below 2^31 */
#define TPCH_LINES_MAX 7   /* lineitems of an order */
#define TPCH_ROW_MAX 512   /* bytes of a row as CSV, newline included */

/* ---- text ---- */

#define TPCH_TEXT_BYTES (300u << 20)

/* The pool that all comments are cut from: sentences of the specification's grammar. */
struct tpch_text {
	char *bytes; /* TPCH_TEXT_BYTES, and room for one more sentence */
};

/* Makes the pool; about a second. False when memory is out. */
bool tpch_text_init(struct tpch_text *text);
void tpch_text_release(struct tpch_text *text);
/* The first @size bytes of the pool alone, into @out, which has room for 512 more; for tests. */
void tpch_text_fill(char *out, size_t size);

/* A comment: where in the pool, and how long. */
struct tpch_comment {
	uint32_t offset;
	uint32_t len;
};

/* ---- orders and lineitems ---- */

struct tpch_line {
	int64_t orderkey;
	int64_t extendedprice; /* in cents */
	int32_t partkey;
	int32_t suppkey;
	int32_t linenumber; /* from 1 */
	int32_t quantity;
	int32_t discount; /* in hundredths */
	int32_t tax;      /* in hundredths */
	int32_t shipdate; /* days since 1970-01-01, as the next two */
	int32_t commitdate;
	int32_t receiptdate;
	char returnflag;
	char linestatus;
	uint8_t shipinstruct; /* index into tpch_shipinstruct[] */
	uint8_t shipmode;     /* index into tpch_shipmode[] */
	struct tpch_comment comment;
};

struct tpch_order {
	int64_t orderkey;
	int64_t totalprice; /* in cents */
	int32_t custkey;
	int32_t orderdate; /* days since 1970-01-01 */
	int32_t clerk;
	int32_t shippriority; /* always 0 */
	char orderstatus;
	uint8_t orderpriority; /* index into tpch_orderpriority[] */
	struct tpch_comment comment;
	int n_lines;
	struct tpch_line lines[TPCH_LINES_MAX];
};

extern const char *const tpch_shipinstruct[4];
extern const char *const tpch_shipmode[7];
extern const char *const tpch_orderpriority[5];

struct tpch_stream {
	uint32_t seed;
	uint32_t used; /* numbers drawn for this row */
};

#define TPCH_N_STREAMS 18

struct tpch_orders {
	double sf;
	int32_t n_parts;
	int32_t n_suppliers;
	int32_t n_customers;
	int32_t n_clerks;
	uint64_t next; /* number of the order that comes next, from 0 */
	uint64_t end;
	struct tpch_stream streams[TPCH_N_STREAMS];
};

/* Orders there are at scale factor @sf: 1,500,000 for each 1. */
uint64_t tpch_orders_count(double sf);
/* Ready to make order number @first, from 0, and all after it. */
void tpch_orders_init(struct tpch_orders *g, double sf, uint64_t first);
/* The next order with its lines; false after the last. */
bool tpch_orders_next(struct tpch_orders *g, struct tpch_order *out);

/* ---- the other six tables ---- */

enum tpch_table {
	TPCH_REGION,
	TPCH_NATION,
	TPCH_PART,
	TPCH_SUPPLIER,
	TPCH_PARTSUPP,
	TPCH_CUSTOMER,
	TPCH_N_TABLES
};

#define TPCH_FIELDS_MAX 9

/* A field as text, without quotes: numbers, money as 901.00, names, comments. */
struct tpch_field {
	const char *text; /* in the row's own bytes or in the pool; no NUL at its end */
	uint32_t len;
};

struct tpch_row {
	int n_fields;
	struct tpch_field fields[TPCH_FIELDS_MAX]; /* good until the next row is made */
	uint32_t n_bytes; /* used of those that follow */
	char bytes[TPCH_ROW_MAX];
};

struct tpch_rows {
	enum tpch_table table;
	int32_t n_suppliers;
	uint64_t next; /* number of the row that comes next, from 0 */
	uint64_t end;
	const struct tpch_text *text;
	struct tpch_stream streams[TPCH_FIELDS_MAX];
};

extern const char *const tpch_names[TPCH_N_TABLES]; /* "region" and so on */

/* Rows that @table has at scale factor @sf. */
uint64_t tpch_rows_count(enum tpch_table table, double sf);
/* Ready to make row number @first, from 0, and all after it; @text must outlive @g. */
void tpch_rows_init(struct tpch_rows *g, enum tpch_table table, double sf, uint64_t first,
		    const struct tpch_text *text);
/* The next row; false after the last. */
bool tpch_rows_next(struct tpch_rows *g, struct tpch_row *out);

/* ---- the queries ---- */

#define TPCH_N_QUERIES 22

extern const char *const tpch_sql[TPCH_N_QUERIES]; /* Q1 first */

/* ---- CSV ---- */

extern const char tpch_orders_header[]; /* with the newline */
extern const char tpch_lineitem_header[];
extern const char *const tpch_headers[TPCH_N_TABLES];

/* Write a row with its newline at @p, which has room for TPCH_ROW_MAX; return the end. */
char *tpch_csv_order(char *p, const struct tpch_order *order, const struct tpch_text *text);
char *tpch_csv_line(char *p, const struct tpch_line *line, const struct tpch_text *text);
char *tpch_csv_row(char *p, const struct tpch_row *row);
/* @days since 1970-01-01 as 1996-03-13: ten bytes, no NUL; from 1970 to 2099. */
void tpch_date(char *p, int32_t days);

#endif
