/* SPDX-License-Identifier: MIT */
/*
 * tpch_rows.c - region, nation, part, supplier, partsupp and customer
 *
 * For each table: the streams of its columns in one array, and a function that draws a row. Rows
 * are made as text, since nobody computes with them: numbers and names go into the row's own
 * bytes, comments and words are pointed at where they are.
 *
 * The quirks are the specification's generator's, and kept because the rows are to be the same:
 * addresses take six bits at a time from a number that has overflowed into the negative; of 10,000
 * suppliers some ten get "Customer Complaints" or "Customer Recommends" written over their comment.
 * A part has four suppliers, so partsupp's rows go by fours; each draws once from every stream.
 *
 * Source: TPC Benchmark H, sections 4.2.2 and 4.2.3.
 */
#include "tpch_draw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SUPPLIERS_OF_PART 4
#define COLOURS_OF_PART 5
#define ADDRESS_AVERAGE 25

const char *const tpch_names[TPCH_N_TABLES] = {
	[TPCH_REGION] = "region",     [TPCH_NATION] = "nation",	    [TPCH_PART] = "part",
	[TPCH_SUPPLIER] = "supplier", [TPCH_PARTSUPP] = "partsupp", [TPCH_CUSTOMER] = "customer",
};

static const char *const regions[] = { "AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST" };

static const struct {
	const char *name;
	int region;
} nations[25] = {
	{ "ALGERIA", 0 },    { "ARGENTINA", 1 },    { "BRAZIL", 1 },	 { "CANADA", 1 },
	{ "EGYPT", 4 },	     { "ETHIOPIA", 0 },	    { "FRANCE", 3 },	 { "GERMANY", 3 },
	{ "INDIA", 2 },	     { "INDONESIA", 2 },    { "IRAN", 4 },	 { "IRAQ", 4 },
	{ "JAPAN", 2 },	     { "JORDAN", 4 },	    { "KENYA", 0 },	 { "MOROCCO", 0 },
	{ "MOZAMBIQUE", 0 }, { "PERU", 1 },	    { "CHINA", 2 },	 { "ROMANIA", 3 },
	{ "SAUDI ARABIA", 4 }, { "VIETNAM", 2 },    { "RUSSIA", 3 },	 { "UNITED KINGDOM", 3 },
	{ "UNITED STATES", 1 },
};

static const char *const colours[92] = {
	"almond",    "antique",	  "aquamarine", "azure",     "beige",	  "bisque",    "black",
	"blanched",  "blue",	  "blush",	"brown",     "burlywood", "burnished", "chartreuse",
	"chiffon",   "chocolate", "coral",	"cornflower", "cornsilk", "cream",     "cyan",
	"dark",	     "deep",	  "dim",	"dodger",    "drab",	  "firebrick", "floral",
	"forest",    "frosted",	  "gainsboro",	"ghost",     "goldenrod", "green",     "grey",
	"honeydew",  "hot",	  "indian",	"ivory",     "khaki",	  "lace",      "lavender",
	"lawn",	     "lemon",	  "light",	"lime",	     "linen",	  "magenta",   "maroon",
	"medium",    "metallic",  "midnight",	"mint",	     "misty",	  "moccasin",  "navajo",
	"navy",	     "olive",	  "orange",	"orchid",    "pale",	  "papaya",    "peach",
	"peru",	     "pink",	  "plum",	"powder",    "puff",	  "purple",    "red",
	"rose",	     "rosy",	  "royal",	"saddle",    "salmon",	  "sandy",     "seashell",
	"sienna",    "sky",	  "slate",	"smoke",     "snow",	  "spring",    "steel",
	"tan",	     "thistle",	  "tomato",	"turquoise", "violet",	  "wheat",     "white",
	"yellow",
};

/* A part's type is one word of each, a container one of each. */
static const char *const type_sizes[6] = {
	"STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO",
};
static const char *const type_coats[5] = {
	"ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED",
};
static const char *const type_metals[5] = { "TIN", "NICKEL", "BRASS", "STEEL", "COPPER" };
static const char *const container_sizes[5] = { "SM", "LG", "MED", "JUMBO", "WRAP" };
static const char *const container_kinds[8] = {
	"CASE", "BOX", "BAG", "JAR", "PACK", "PKG", "CAN", "DRUM",
};
static const char *const segments[5] = {
	"AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY",
};

/* ---- the streams ---- */

enum { R_COMMENT };
enum { N_COMMENT };
enum { P_NAME, P_MAKER, P_BRAND, P_TYPE, P_SIZE, P_CONTAINER, P_COMMENT };
enum { S_ADDRESS, S_NATION, S_PHONE, S_BALANCE, S_COMMENT, S_SPECIAL, S_GAP, S_OFFSET, S_MOOD };
enum { PS_QUANTITY, PS_COST, PS_COMMENT };
enum { C_ADDRESS, C_NATION, C_PHONE, C_BALANCE, C_SEGMENT, C_COMMENT };

static const struct share streams[TPCH_N_TABLES][TPCH_FIELDS_MAX] = {
	[TPCH_REGION] = { [R_COMMENT] = { 1500869201, 2 } },
	[TPCH_NATION] = { [N_COMMENT] = { 606179079, 2 } },
	[TPCH_PART] = {
		[P_NAME] = { 709314158, 92 },
		[P_MAKER] = { 1, 1 },
		[P_BRAND] = { 46831694, 1 },
		[P_TYPE] = { 1841581359, 1 },
		[P_SIZE] = { 1193163244, 1 },
		[P_CONTAINER] = { 727633698, 1 },
		[P_COMMENT] = { 804159733, 2 },
	},
	[TPCH_SUPPLIER] = {
		[S_ADDRESS] = { 706178559, 9 },
		[S_NATION] = { 110356601, 1 },
		[S_PHONE] = { 884434366, 3 },
		[S_BALANCE] = { 962338209, 1 },
		[S_COMMENT] = { 1341315363, 2 },
		[S_SPECIAL] = { 202794285, 1 },
		[S_GAP] = { 263032577, 1 },
		[S_OFFSET] = { 715851524, 1 },
		[S_MOOD] = { 753643799, 1 },
	},
	[TPCH_PARTSUPP] = {
		[PS_QUANTITY] = { 1671059989, 1 },
		[PS_COST] = { 1051288424, 1 },
		[PS_COMMENT] = { 1961692154, 2 },
	},
	[TPCH_CUSTOMER] = {
		[C_ADDRESS] = { 881155353, 9 },
		[C_NATION] = { 1489529863, 1 },
		[C_PHONE] = { 1521138112, 3 },
		[C_BALANCE] = { 298370230, 1 },
		[C_SEGMENT] = { 1140279430, 1 },
		[C_COMMENT] = { 1335826707, 2 },
	},
};

/* ---- fields ---- */

/* A field that stands somewhere else. */
static void field_view(struct tpch_row *row, const char *text, size_t len)
{
	row->fields[row->n_fields++] = (struct tpch_field){ text, (uint32_t)len };
}

static void field_word(struct tpch_row *row, const char *word)
{
	field_view(row, word, strlen(word));
}

/* A field of the row's own bytes, which have room for @len more. */
static char *field_own(struct tpch_row *row, size_t len)
{
	char *p = row->bytes + row->n_bytes;

	assert(row->n_bytes + len < sizeof(row->bytes));
	row->n_bytes += (uint32_t)len;
	field_view(row, p, len);
	return p;
}

__attribute__((format(printf, 2, 3))) static void field_print(struct tpch_row *row,
							      const char *format, ...)
{
	char *p = row->bytes + row->n_bytes;
	size_t left = sizeof(row->bytes) - row->n_bytes;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(p, left, format, args);
	va_end(args);
	assert(len >= 0 && (size_t)len < left);
	field_own(row, (size_t)len);
}

static void field_money(struct tpch_row *row, int64_t cents)
{
	int64_t size = cents < 0 ? -cents : cents;

	field_print(row, "%s%lld.%02d", cents < 0 ? "-" : "", (long long)(size / 100),
		    (int)(size % 100));
}

static void field_comment(struct tpch_row *row, struct tpch_stream *s, int32_t len_average,
			  const struct tpch_text *text)
{
	struct tpch_comment c = draw_comment(s, len_average);

	field_view(row, text->bytes + c.offset, c.len);
}

static void field_address(struct tpch_row *row, struct tpch_stream *s)
{
	static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,";
	int32_t len = draw(s, (int32_t)(ADDRESS_AVERAGE * 0.4), (int32_t)(ADDRESS_AVERAGE * 1.6));
	char *p = field_own(row, (size_t)len);
	uint32_t bits = 0;

	for (int32_t i = 0; i < len; i++, bits >>= 6) {
		if (i % 5 == 0)
			bits = -(uint32_t)draw_31_bits(s);
		p[i] = set[bits & 63];
	}
}

static void field_phone(struct tpch_row *row, struct tpch_stream *s, int32_t nation)
{
	int32_t area = draw(s, 100, 999);
	int32_t exchange = draw(s, 100, 999);
	int32_t number = draw(s, 1000, 9999);

	field_print(row, "%d-%d-%d-%d", (int)nation + 10, (int)area, (int)exchange, (int)number);
}

/* ---- rows ---- */

static void make_region(struct tpch_rows *g, struct tpch_row *row)
{
	field_print(row, "%d", (int)g->next);
	field_word(row, regions[g->next]);
	field_comment(row, &g->streams[R_COMMENT], 72, g->text);
}

static void make_nation(struct tpch_rows *g, struct tpch_row *row)
{
	field_print(row, "%d", (int)g->next);
	field_word(row, nations[g->next].name);
	field_print(row, "%d", nations[g->next].region);
	field_comment(row, &g->streams[N_COMMENT], 72, g->text);
}

/* Five colours, none twice: the first steps of shuffling all of them. */
static void field_name(struct tpch_row *row, struct tpch_stream *s)
{
	const char *deck[92];

	memcpy(deck, colours, sizeof(deck));
	for (int i = 0; i < COLOURS_OF_PART; i++) {
		int32_t k = draw(s, i, 91);
		const char *colour = deck[k];

		deck[k] = deck[i];
		deck[i] = colour;
	}
	field_print(row, "%s %s %s %s %s", deck[0], deck[1], deck[2], deck[3], deck[4]);
}

static void make_part(struct tpch_rows *g, struct tpch_row *row)
{
	struct tpch_stream *s = g->streams;
	int32_t key = (int32_t)g->next + 1;
	int32_t maker = draw(&s[P_MAKER], 1, 5);
	int32_t brand = draw(&s[P_BRAND], 1, 5);
	int32_t type = draw(&s[P_TYPE], 0, 149);
	int32_t container = draw(&s[P_CONTAINER], 0, 39);

	field_print(row, "%d", (int)key);
	field_name(row, &s[P_NAME]);
	field_print(row, "Manufacturer#%d", (int)maker);
	field_print(row, "Brand#%d%d", (int)maker, (int)brand);
	field_print(row, "%s %s %s", type_sizes[type / 25], type_coats[type / 5 % 5],
		    type_metals[type % 5]);
	field_print(row, "%d", (int)draw(&s[P_SIZE], 1, 50));
	field_print(row, "%s %s", container_sizes[container / 8], container_kinds[container % 8]);
	field_money(row, part_price(key));
	field_comment(row, &s[P_COMMENT], 14, g->text);
}

/* Writes praise or complaint over the row's last field, at a place and with a gap of its own. */
static void mark_comment(struct tpch_rows *g, struct tpch_row *row)
{
	static const char who[] = "Customer ";
	static const char *const moods[2] = { "Complaints", "Recommends" };
	const int32_t who_len = (int32_t)sizeof(who) - 1, mood_len = 10;
	struct tpch_stream *s = g->streams;
	struct tpch_field comment = row->fields[--row->n_fields];
	char *p = field_own(row, comment.len);
	int32_t spare = (int32_t)comment.len - who_len - mood_len;

	memcpy(p, comment.text, comment.len);
	int32_t gap = draw(&s[S_GAP], 0, spare);
	int32_t offset = draw(&s[S_OFFSET], 0, spare - gap);
	memcpy(p + offset, who, (size_t)who_len);
	memcpy(p + offset + who_len + gap, moods[draw(&s[S_MOOD], 0, 100) >= 50], (size_t)mood_len);
}

static void make_supplier(struct tpch_rows *g, struct tpch_row *row)
{
	struct tpch_stream *s = g->streams;
	int32_t nation = draw(&s[S_NATION], 0, 24);

	field_print(row, "%llu", (unsigned long long)g->next + 1);
	field_print(row, "Supplier#%09llu", (unsigned long long)g->next + 1);
	field_address(row, &s[S_ADDRESS]);
	field_print(row, "%d", (int)nation);
	field_phone(row, &s[S_PHONE], nation);
	field_money(row, draw(&s[S_BALANCE], -99999, 999999));
	field_comment(row, &s[S_COMMENT], 63, g->text);
	if (draw(&s[S_SPECIAL], 1, 10000) <= 10)
		mark_comment(g, row);
}

static void make_partsupp(struct tpch_rows *g, struct tpch_row *row)
{
	struct tpch_stream *s = g->streams;
	int32_t part = (int32_t)(g->next / SUPPLIERS_OF_PART) + 1;
	int32_t nth = (int32_t)(g->next % SUPPLIERS_OF_PART);

	field_print(row, "%d", (int)part);
	field_print(row, "%d", (int)part_supplier(part, nth, g->n_suppliers));
	field_print(row, "%d", (int)draw(&s[PS_QUANTITY], 1, 9999));
	field_money(row, draw(&s[PS_COST], 100, 100000));
	field_comment(row, &s[PS_COMMENT], 124, g->text);
}

static void make_customer(struct tpch_rows *g, struct tpch_row *row)
{
	struct tpch_stream *s = g->streams;
	int32_t nation = draw(&s[C_NATION], 0, 24);

	field_print(row, "%llu", (unsigned long long)g->next + 1);
	field_print(row, "Customer#%09llu", (unsigned long long)g->next + 1);
	field_address(row, &s[C_ADDRESS]);
	field_print(row, "%d", (int)nation);
	field_phone(row, &s[C_PHONE], nation);
	field_money(row, draw(&s[C_BALANCE], -99999, 999999));
	field_word(row, segments[draw(&s[C_SEGMENT], 0, 4)]);
	field_comment(row, &s[C_COMMENT], 73, g->text);
}

static void (*const makers[TPCH_N_TABLES])(struct tpch_rows *, struct tpch_row *) = {
	[TPCH_REGION] = make_region,	 [TPCH_NATION] = make_nation,
	[TPCH_PART] = make_part,	 [TPCH_SUPPLIER] = make_supplier,
	[TPCH_PARTSUPP] = make_partsupp, [TPCH_CUSTOMER] = make_customer,
};

uint64_t tpch_rows_count(enum tpch_table table, double sf)
{
	switch (table) {
	case TPCH_REGION:
		return 5;
	case TPCH_NATION:
		return 25;
	case TPCH_PART:
		return (uint64_t)(200000 * sf);
	case TPCH_SUPPLIER:
		return (uint64_t)(10000 * sf);
	case TPCH_PARTSUPP:
		return (uint64_t)(200000 * sf) * SUPPLIERS_OF_PART;
	case TPCH_CUSTOMER:
		return (uint64_t)(150000 * sf);
	default:
		return 0;
	}
}

void tpch_rows_init(struct tpch_rows *g, enum tpch_table table, double sf, uint64_t first,
		    const struct tpch_text *text)
{
	assert(sf > 0 && sf <= TPCH_SF_MAX);
	g->table = table;
	g->n_suppliers = (int32_t)tpch_rows_count(TPCH_SUPPLIER, sf);
	g->next = first;
	g->end = tpch_rows_count(table, sf);
	g->text = text;
	for (int i = 0; i < TPCH_FIELDS_MAX; i++)
		start(&g->streams[i], &streams[table][i], first);
}

bool tpch_rows_next(struct tpch_rows *g, struct tpch_row *out)
{
	if (g->next >= g->end)
		return false;
	out->n_fields = 0;
	out->n_bytes = 0;
	makers[g->table](g, out);
	for (int i = 0; i < TPCH_FIELDS_MAX; i++)
		finish(&g->streams[i], streams[g->table][i].share);
	g->next++;
	return true;
}
