/* SPDX-License-Identifier: MIT */
/*
 * tpch_csv.c - rows of TPC-H as CSV
 *
 *     1,155190,7706,1,17,21168.23,0.04,0.02,N,O,1996-03-13,1996-02-12,1996-03-22,
 *     DELIVER IN PERSON,TRUCK,egular courts above the
 *
 * on one line, with a header line before the first. Fields are quoted only where they must be,
 * which one with a comma in it must; no field contains a quote or a newline. Numbers are
 * written without printf, which would take longer than making the row.
 */
#include "tpch.h"

#include <string.h>

const char tpch_orders_header[] =
	"o_orderkey,o_custkey,o_orderstatus,o_totalprice,o_orderdate,o_orderpriority,o_clerk,"
	"o_shippriority,o_comment\n";
const char tpch_lineitem_header[] =
	"l_orderkey,l_partkey,l_suppkey,l_linenumber,l_quantity,l_extendedprice,l_discount,l_tax,"
	"l_returnflag,l_linestatus,l_shipdate,l_commitdate,l_receiptdate,l_shipinstruct,"
	"l_shipmode,l_comment\n";
const char *const tpch_headers[TPCH_N_TABLES] = {
	[TPCH_REGION] = "r_regionkey,r_name,r_comment\n",
	[TPCH_NATION] = "n_nationkey,n_name,n_regionkey,n_comment\n",
	[TPCH_PART] = "p_partkey,p_name,p_mfgr,p_brand,p_type,p_size,p_container,p_retailprice,"
		      "p_comment\n",
	[TPCH_SUPPLIER] = "s_suppkey,s_name,s_address,s_nationkey,s_phone,s_acctbal,s_comment\n",
	[TPCH_PARTSUPP] = "ps_partkey,ps_suppkey,ps_availqty,ps_supplycost,ps_comment\n",
	[TPCH_CUSTOMER] = "c_custkey,c_name,c_address,c_nationkey,c_phone,c_acctbal,c_mktsegment,"
			  "c_comment\n",
};

static inline char *put_pair(char *p, uint64_t below_100)
{
	*p++ = (char)('0' + below_100 / 10);
	*p++ = (char)('0' + below_100 % 10);
	return p;
}

static inline char *put_u64(char *p, uint64_t v)
{
	char digits[20];
	char *d = digits + sizeof(digits);

	do {
		*--d = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	size_t len = (size_t)(digits + sizeof(digits) - d);
	memcpy(p, d, len);
	return p + len;
}

static inline char *put_cents(char *p, int64_t v)
{
	p = put_u64(p, (uint64_t)v / 100);
	*p++ = '.';
	return put_pair(p, (uint64_t)v % 100);
}

static inline char *put_text(char *p, const char *s)
{
	size_t len = strlen(s);

	memcpy(p, s, len);
	return p + len;
}

static inline char *put_field(char *p, const char *s, size_t len)
{
	bool quote = memchr(s, ',', len) != NULL;

	if (quote)
		*p++ = '"';
	memcpy(p, s, len);
	p += len;
	if (quote)
		*p++ = '"';
	return p;
}

static inline char *put_comment(char *p, struct tpch_comment c, const struct tpch_text *text)
{
	return put_field(p, text->bytes + c.offset, c.len);
}

/* Days to year, month and day, counting in years that begin in March; after Howard Hinnant. */
void tpch_date(char *p, int32_t days)
{
	uint32_t d = (uint32_t)days + 719468; /* days since 0000-03-01 */
	uint32_t era = d / 146097;
	uint32_t day_of_era = d % 146097;
	uint32_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint32_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint32_t month = (5 * day_of_year + 2) / 153; /* from March */
	uint32_t day = day_of_year - (153 * month + 2) / 5 + 1;
	uint32_t year = year_of_era + era * 400 + (month >= 10);

	p = put_pair(p, year / 100);
	p = put_pair(p, year % 100);
	*p++ = '-';
	p = put_pair(p, month < 10 ? month + 3 : month - 9);
	*p++ = '-';
	put_pair(p, day);
}

static inline char *put_date(char *p, int32_t days)
{
	tpch_date(p, days);
	return p + 10;
}

char *tpch_csv_order(char *p, const struct tpch_order *o, const struct tpch_text *text)
{
	p = put_u64(p, (uint64_t)o->orderkey);
	*p++ = ',';
	p = put_u64(p, (uint64_t)o->custkey);
	*p++ = ',';
	*p++ = o->orderstatus;
	*p++ = ',';
	p = put_cents(p, o->totalprice);
	*p++ = ',';
	p = put_date(p, o->orderdate);
	*p++ = ',';
	p = put_text(p, tpch_orderpriority[o->orderpriority]);
	p = put_text(p, ",Clerk#");
	for (uint32_t unit = 100000000; unit; unit /= 10)
		*p++ = (char)('0' + (uint32_t)o->clerk / unit % 10);
	*p++ = ',';
	p = put_u64(p, (uint64_t)o->shippriority);
	*p++ = ',';
	p = put_comment(p, o->comment, text);
	*p++ = '\n';
	return p;
}

char *tpch_csv_line(char *p, const struct tpch_line *l, const struct tpch_text *text)
{
	p = put_u64(p, (uint64_t)l->orderkey);
	*p++ = ',';
	p = put_u64(p, (uint64_t)l->partkey);
	*p++ = ',';
	p = put_u64(p, (uint64_t)l->suppkey);
	*p++ = ',';
	p = put_u64(p, (uint64_t)l->linenumber);
	*p++ = ',';
	p = put_u64(p, (uint64_t)l->quantity);
	*p++ = ',';
	p = put_cents(p, l->extendedprice);
	*p++ = ',';
	p = put_cents(p, l->discount);
	*p++ = ',';
	p = put_cents(p, l->tax);
	*p++ = ',';
	*p++ = l->returnflag;
	*p++ = ',';
	*p++ = l->linestatus;
	*p++ = ',';
	p = put_date(p, l->shipdate);
	*p++ = ',';
	p = put_date(p, l->commitdate);
	*p++ = ',';
	p = put_date(p, l->receiptdate);
	*p++ = ',';
	p = put_text(p, tpch_shipinstruct[l->shipinstruct]);
	*p++ = ',';
	p = put_text(p, tpch_shipmode[l->shipmode]);
	*p++ = ',';
	p = put_comment(p, l->comment, text);
	*p++ = '\n';
	return p;
}

char *tpch_csv_row(char *p, const struct tpch_row *row)
{
	for (int i = 0; i < row->n_fields; i++) {
		p = put_field(p, row->fields[i].text, row->fields[i].len);
		*p++ = i + 1 < row->n_fields ? ',' : '\n';
	}
	return p;
}
