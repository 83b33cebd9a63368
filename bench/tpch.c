/* SPDX-License-Identifier: MIT */
/*
 * tpch.c - orders and lineitems, as the specification's random streams give them
 *
 * Each column draws from a stream of its own, the minimal standard generator
 *
 *     seed' = seed * 16807 mod (2^31 - 1)
 *     value = lo + floor(seed' / (2^31 - 1) * (hi - lo + 1))
 *
 * and every row of the table takes the same fixed share of it, whether it needs all of it or not:
 *
 *     l_quantity    | order 0: up to 7 lines | order 1: up to 7 lines | ...
 *
 * So the seed at row n is seed0 * 16807^(share * n) mod (2^31 - 1), found in O(log n): any row can
 * be reached without making the ones before it.
 *
 * (1) After a row each stream stands at the start of the next row's share. (2) No column draws
 * more than its share. The seeds, shares and bounds are those of the specification's own generator,
 * so that the rows are those of its qualification database: at scale factor 1 lineitem has
 * 6,001,215 rows, and queries give the published answers. The quotient is computed in double
 * precision, in that order, because the last bit of it decides now and then.
 *
 * Sources: TPC Benchmark H, sections 4.2.2 and 4.2.3; Park and Miller, CACM October 1988. The
 * other six tables follow the same way: a table of streams, and a function that draws a row.
 */
#include "tpch.h"

#include <assert.h>

#define MODULUS 2147483647u
#define MULTIPLIER 16807u

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
static const struct {
	uint32_t seed;
	uint32_t share;
} streams[N_STREAMS] = {
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

/* 2^31 is 1 modulo 2^31 - 1, so the high bits are added to the low ones. */
static inline uint32_t mul_mod(uint32_t a, uint32_t b)
{
	uint64_t x = (uint64_t)a * b;

	x = (x & MODULUS) + (x >> 31);
	return (uint32_t)(x >= MODULUS ? x - MODULUS : x);
}

static uint32_t pow_mod(uint32_t base, uint64_t n)
{
	uint32_t r = 1;

	for (; n; n >>= 1) {
		if (n & 1)
			r = mul_mod(r, base);
		base = mul_mod(base, base);
	}
	return r;
}

static inline int32_t draw(struct tpch_stream *s, int32_t lo, int32_t hi)
{
	s->seed = mul_mod(s->seed, MULTIPLIER);
	s->used++;
	return lo + (int32_t)((double)s->seed / (double)MODULUS * (double)(hi - lo + 1));
}

/* Moves all streams past what is left of their shares. */
static void finish_row(struct tpch_stream *s)
{
	/* 16807^n mod 2^31 - 1 */
	static const uint32_t powers[15] = {
		1,          16807,     282475249,  1622650073, 984943658,
		1144108930, 470211272, 101027544,  1457850878, 1458777923,
		2007237709, 823564440, 1115438165, 1784484492, 74243042,
	};

	for (int i = 0; i < N_STREAMS; i++) {
		assert(s[i].used <= streams[i].share);
		s[i].seed = mul_mod(s[i].seed, powers[streams[i].share - s[i].used]);
		s[i].used = 0;
	}
}

/* A length of 40% to 160% of @len_average, from anywhere in the pool. */
static struct tpch_comment draw_comment(struct tpch_stream *s, int32_t len_average)
{
	int32_t len_min = (int32_t)(len_average * 0.4);
	int32_t len_max = (int32_t)(len_average * 1.6);
	struct tpch_comment c;

	c.offset = (uint32_t)draw(s, 0, (int32_t)TPCH_TEXT_BYTES - len_max);
	c.len = (uint32_t)draw(s, len_min, len_max);
	return c;
}

static int64_t part_price(int32_t partkey)
{
	return 90000 + (partkey / 10) % 20001 + (partkey % 1000) * 100;
}

/* Which supplier is number @nth (0 to 3) of the four that sell a part. */
static int32_t part_supplier(int32_t partkey, int32_t nth, int32_t n_suppliers)
{
	int64_t step = n_suppliers / 4 + (partkey - 1) / n_suppliers;

	return (int32_t)((partkey + nth * step) % n_suppliers + 1);
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
	for (int i = 0; i < N_STREAMS; i++) {
		uint32_t skip = pow_mod(MULTIPLIER, streams[i].share * first);

		g->streams[i].seed = mul_mod(streams[i].seed, skip);
		g->streams[i].used = 0;
	}
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
