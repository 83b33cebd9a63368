/* SPDX-License-Identifier: MIT */
/*
 * tpch.c - orders and lineitems, as the specification's random streams give them
 *
 * The streams are those of tpch_draw.h, and an order is their row: it takes
 *
 *     l_quantity    | order 0: up to 7 lines | order 1: up to 7 lines | ...
 *
 * from a column of its lines whether it has seven lines or not. At scale factor 1 lineitem has
 * 6,001,215 rows, and queries give the published answers.
 *
 * Source: TPC Benchmark H, sections 4.2.2 and 4.2.3.
 */
#include "tpch_draw.h"

#include <assert.h>

/* Days since 1970-01-01. */
#define DATE_FIRST 8035   /* 1992-01-01 */
#define DATE_CURRENT 9298 /* 1995-06-17: what happened by then is done */
#define ORDER_DAYS 2406   /* an order's date lies in this many days from DATE_FIRST on */

enum {
	O_DATE,
	O_LINES,
	O_CUSTOMER,
	O_PRIORITY,
	O_CLERK,
	O_COMMENT,
	L_QUANTITY,
	L_DISCOUNT,
	L_TAX,
	L_PART,
	L_SUPPLIER,
	L_SHIP,
	L_COMMIT,
	L_RECEIPT,
	L_FLAG,
	L_INSTRUCT,
	L_MODE,
	L_COMMENT,
	N_STREAMS
};
_Static_assert(N_STREAMS == TPCH_N_STREAMS, "the header makes room for every stream");

/* The seed of each stream and its share: numbers an order may draw from it. */
static const struct share streams[N_STREAMS] = {
	[O_DATE] = { 1066728069, 1 },     [O_LINES] = { 1434868289, 1 },
	[O_CUSTOMER] = { 851767375, 1 },  [O_PRIORITY] = { 591449447, 1 },
	[O_CLERK] = { 1171034773, 1 },    [O_COMMENT] = { 276090261, 2 },
	[L_QUANTITY] = { 209208115, 7 },  [L_DISCOUNT] = { 554590007, 7 },
	[L_TAX] = { 721958466, 7 },       [L_PART] = { 1808217256, 7 },
	[L_SUPPLIER] = { 2095021727, 7 }, [L_SHIP] = { 1769349045, 7 },
	[L_COMMIT] = { 904914315, 7 },    [L_RECEIPT] = { 373135028, 7 },
	[L_FLAG] = { 717419739, 7 },      [L_INSTRUCT] = { 1371272478, 7 },
	[L_MODE] = { 675466456, 7 },      [L_COMMENT] = { 1095462486, 14 },
};

const char *const tpch_shipinstruct[4] = {
	"DELIVER IN PERSON",
	"COLLECT COD",
	"TAKE BACK RETURN",
	"NONE",
};
const char *const tpch_shipmode[7] = {
	"REG AIR", "AIR", "RAIL", "TRUCK", "MAIL", "FOB", "SHIP",
};
const char *const tpch_orderpriority[5] = {
	"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW",
};

/* Moves all streams past what is left of their shares. */
static void finish_row(struct tpch_stream *s)
{
	for (int i = 0; i < N_STREAMS; i++)
		finish(&s[i], streams[i].share);
}

/* Order keys leave gaps: of each 32 numbers the first 8 are used. */
static int64_t order_key(uint64_t number)
{
	return (int64_t)((number >> 3 << 5) + (number & 7));
}

/* A third of all customers, those whose number divides by three, never order. */
static int32_t draw_customer(struct tpch_orders *g)
{
	int32_t key = draw(&g->streams[O_CUSTOMER], 1, g->n_customers);
	int32_t step = 1;

	while (key % 3 == 0) {
		key += step;
		if (key > g->n_customers)
			key = g->n_customers;
		step = -step;
	}
	return key;
}

static void draw_line(struct tpch_orders *g, const struct tpch_order *order, struct tpch_line *l)
{
	struct tpch_stream *s = g->streams;

	l->orderkey = order->orderkey;
	l->quantity = draw(&s[L_QUANTITY], 1, 50);
	l->discount = draw(&s[L_DISCOUNT], 0, 10);
	l->tax = draw(&s[L_TAX], 0, 8);
	l->partkey = draw(&s[L_PART], 1, g->n_parts);
	l->suppkey = part_supplier(l->partkey, draw(&s[L_SUPPLIER], 0, 3), g->n_suppliers);
	l->extendedprice = part_price(l->partkey) * l->quantity;
	l->shipdate = order->orderdate + draw(&s[L_SHIP], 1, 121);
	l->commitdate = order->orderdate + draw(&s[L_COMMIT], 30, 90);
	l->receiptdate = l->shipdate + draw(&s[L_RECEIPT], 1, 30);
	l->returnflag = 'N';
	if (l->receiptdate <= DATE_CURRENT)
		l->returnflag = "RA"[draw(&s[L_FLAG], 0, 1)];
	l->linestatus = l->shipdate <= DATE_CURRENT ? 'F' : 'O';
	l->shipinstruct = (uint8_t)draw(&s[L_INSTRUCT], 0, 3);
	l->shipmode = (uint8_t)draw(&s[L_MODE], 0, 6);
	l->comment = draw_comment(&s[L_COMMENT], 27);
}

uint64_t tpch_orders_count(double sf)
{
	return (uint64_t)(1500000 * sf);
}

void tpch_orders_init(struct tpch_orders *g, double sf, uint64_t first)
{
	assert(sf > 0 && sf <= TPCH_SF_MAX);
	g->sf = sf;
	g->n_parts = (int32_t)(200000 * sf);
	g->n_suppliers = (int32_t)(10000 * sf);
	g->n_customers = (int32_t)(150000 * sf);
	g->n_clerks = sf < 1 ? 1000 : (int32_t)(1000 * sf);
	g->next = first;
	g->end = tpch_orders_count(sf);
	for (int i = 0; i < N_STREAMS; i++)
		start(&g->streams[i], &streams[i], first);
}

bool tpch_orders_next(struct tpch_orders *g, struct tpch_order *out)
{
	struct tpch_stream *s = g->streams;
	int n_shipped = 0;

	if (g->next >= g->end)
		return false;
	out->orderkey = order_key(g->next + 1);
	out->orderdate = DATE_FIRST + draw(&s[O_DATE], 0, ORDER_DAYS - 1);
	out->custkey = draw_customer(g);
	out->n_lines = draw(&s[O_LINES], 1, TPCH_LINES_MAX);
	out->totalprice = 0;
	for (int i = 0; i < out->n_lines; i++) {
		struct tpch_line *l = &out->lines[i];

		draw_line(g, out, l);
		l->linenumber = i + 1;
		out->totalprice +=
			l->extendedprice * (100 - l->discount) / 100 * (100 + l->tax) / 100;
		n_shipped += l->linestatus == 'F';
	}
	out->orderstatus = n_shipped == out->n_lines ? 'F' : n_shipped ? 'P' : 'O';
	out->orderpriority = (uint8_t)draw(&s[O_PRIORITY], 0, 4);
	out->clerk = draw(&s[O_CLERK], 1, g->n_clerks);
	out->shippriority = 0;
	out->comment = draw_comment(&s[O_COMMENT], 49);
	finish_row(s);
	g->next++;
	return true;
}
