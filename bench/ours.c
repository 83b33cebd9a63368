/* SPDX-License-Identifier: MIT */
/* ours.c - stoa with errors that end the run, and the bench's tables in it */
#include "ours.h"

#include <stdio.h>
#include <string.h>

void bench_stoa_check(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		bench_die("stoa: %s: %s", stoa_result_name(rc), err->text);
}

stoa_db *bench_stoa_open_threads(const char *path, uint32_t n_threads)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	options.n_threads = n_threads;
	bench_stoa_check(stoa_open(path, &options, &db, &err), &err);
	return db;
}

stoa_db *bench_stoa_open(const char *path)
{
	return bench_stoa_open_threads(path, 0);
}

void bench_stoa_close(stoa_db *db)
{
	struct stoa_error err;

	bench_stoa_check(stoa_close(db, &err), &err);
}

stoa_txn *bench_stoa_begin(stoa_db *db, unsigned flags)
{
	struct stoa_error err;
	stoa_txn *txn;

	bench_stoa_check(stoa_begin(db, flags, &txn, &err), &err);
	return txn;
}

void bench_stoa_commit(stoa_txn *txn)
{
	struct stoa_error err;

	bench_stoa_check(stoa_commit(txn, &err), &err);
}

stoa_table bench_stoa_table(stoa_txn *txn, const char *name)
{
	struct stoa_error err;
	stoa_table table;

	bench_stoa_check(stoa_table_find(txn, name, &table, &err), &err);
	return table;
}

/* ---- schemas ---- */

#define SLOT(slot, slot_type)                                           \
	{                                                               \
		.name = slot, .type = slot_type, .flags = STOA_NOT_NULL \
	}
#define MONEY(slot)                                                              \
	{                                                                        \
		.name = slot, .type = STOA_DECIMAL, .precision = 15, .scale = 2, \
		.flags = STOA_NOT_NULL                                           \
	}

static const struct stoa_slot record_slots[] = {
	SLOT("id", STOA_I64),      SLOT("price", STOA_F64), SLOT("quantity", STOA_I32),
	SLOT("name", STOA_STRING), SLOT("flag", STOA_BOOL),
};

static const struct stoa_slot lineitem_slots[] = {
	SLOT("l_orderkey", STOA_I64),
	SLOT("l_partkey", STOA_I32),
	SLOT("l_suppkey", STOA_I32),
	SLOT("l_linenumber", STOA_I32),
	MONEY("l_quantity"),
	MONEY("l_extendedprice"),
	MONEY("l_discount"),
	MONEY("l_tax"),
	SLOT("l_returnflag", STOA_STRING),
	SLOT("l_linestatus", STOA_STRING),
	SLOT("l_shipdate", STOA_DATE),
	SLOT("l_commitdate", STOA_DATE),
	SLOT("l_receiptdate", STOA_DATE),
	SLOT("l_shipinstruct", STOA_STRING),
	SLOT("l_shipmode", STOA_STRING),
	SLOT("l_comment", STOA_TEXT),
};

static const struct stoa_slot orders_slots[] = {
	SLOT("o_orderkey", STOA_I64),       SLOT("o_custkey", STOA_I32),
	SLOT("o_orderstatus", STOA_STRING), MONEY("o_totalprice"),
	SLOT("o_orderdate", STOA_DATE),     SLOT("o_orderpriority", STOA_STRING),
	SLOT("o_clerk", STOA_STRING),       SLOT("o_shippriority", STOA_I32),
	SLOT("o_comment", STOA_TEXT),
};

#define NULLABLE(slot, slot_type)               \
	{                                       \
		.name = slot, .type = slot_type \
	}

static const struct stoa_slot flights_slots[] = {
	SLOT("date", STOA_TIMESTAMP), SLOT("delay", STOA_I32),          SLOT("distance", STOA_I32),
	SLOT("origin", STOA_STRING),  SLOT("destination", STOA_STRING),
};

static const struct stoa_slot packages_slots[] = {
	SLOT("package", STOA_TEXT),         SLOT("version", STOA_TEXT),
	SLOT("architecture", STOA_STRING),  NULLABLE("section", STOA_STRING),
	NULLABLE("priority", STOA_STRING),  NULLABLE("installed_size", STOA_I64),
	NULLABLE("size", STOA_I64),         NULLABLE("maintainer", STOA_STRING),
	NULLABLE("homepage", STOA_TEXT),    NULLABLE("depends", STOA_TEXT),
	NULLABLE("description", STOA_TEXT), NULLABLE("tag", STOA_TEXT),
};

static const struct stoa_slot numbers_slots[] = {
	SLOT("id", STOA_I64),   SLOT("price", STOA_F64), SLOT("quantity", STOA_I32),
	SLOT("day", STOA_DATE), SLOT("flag", STOA_BOOL),
};

#define SCHEMA(table)                                             \
	{                                                         \
#table, table##_slots, BENCH_COUNT(table##_slots) \
	}
const struct bench_schema bench_record_schema = SCHEMA(record);
const struct bench_schema bench_lineitem_schema = SCHEMA(lineitem);
const struct bench_schema bench_orders_schema = SCHEMA(orders);
const struct bench_schema bench_flights_schema = SCHEMA(flights);
const struct bench_schema bench_packages_schema = SCHEMA(packages);
const struct bench_schema bench_numbers_schema = SCHEMA(numbers);

stoa_table bench_stoa_create(stoa_txn *txn, const struct bench_schema *schema)
{
	struct stoa_error err;
	stoa_table table;

	bench_stoa_check(stoa_table_create(txn, schema->table, schema->slots, schema->n_slots,
					   &table, &err),
			 &err);
	return table;
}

/* ---- loading ---- */

uint64_t bench_stoa_import(stoa_txn *txn, const char *table, const char *csv, unsigned n_threads)
{
	struct stoa_csv_options options = STOA_CSV_OPTIONS_INIT;
	struct stoa_error err;
	uint64_t rows;

	options.header = 1;
	options.delimiter = ',';
	options.n_threads = n_threads;
	bench_stoa_check(stoa_import_csv(txn, table, csv, &options, &rows, &err), &err);
	return rows;
}

#define APPEND_ROWS 2048

void bench_stoa_append_records(stoa_txn *txn, stoa_table table, int64_t n)
{
	static struct bench_record r[APPEND_ROWS];
	static int64_t id[APPEND_ROWS];
	static double price[APPEND_ROWS];
	static int32_t quantity[APPEND_ROWS];
	static struct stoa_bytes name[APPEND_ROWS];
	static uint8_t flag[APPEND_ROWS];
	const struct stoa_array columns[] = {
		{ .type = STOA_I64, .values = id },       { .type = STOA_F64, .values = price },
		{ .type = STOA_I32, .values = quantity }, { .type = STOA_STRING, .values = name },
		{ .type = STOA_BOOL, .values = flag },
	};
	struct stoa_error err;
	stoa_appender *app;

	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	for (int64_t first = 0; first < n; first += APPEND_ROWS) {
		size_t rows = (size_t)(n - first < APPEND_ROWS ? n - first : APPEND_ROWS);

		for (size_t i = 0; i < rows; i++) {
			bench_record_make(first + (int64_t)i, &r[i]);
			id[i] = r[i].id;
			price[i] = r[i].price;
			quantity[i] = r[i].quantity;
			name[i] = (struct stoa_bytes){ r[i].name, r[i].name_len };
			flag[i] = r[i].flag;
		}
		bench_stoa_check(stoa_append(app, columns, BENCH_COUNT(columns), rows, &err), &err);
	}
	bench_stoa_check(stoa_appender_close(app, &err), &err);
}

void bench_stoa_record_values(const struct bench_record *r, struct stoa_value v[5])
{
	v[0] = stoa_i64(r->id);
	v[1] = stoa_f64(r->price);
	v[2] = stoa_i64(r->quantity);
	v[3] = stoa_bytes_value(STOA_STRING, r->name, r->name_len);
	v[4] = stoa_bool(r->flag);
}

/* ---- queries ---- */

static void answer_value(const struct stoa_value *v)
{
	char date[32];
	double x;

	switch (v->type) {
	case STOA_NULL:
		bench_answer_text("", 0);
		return;
	case STOA_DATE:
		bench_answer_text(date, stoa_value_print(v, date, sizeof(date)));
		return;
	case STOA_STRING:
	case STOA_TEXT:
		bench_answer_text(v->p, v->len);
		return;
	case STOA_F32:
	case STOA_F64:
		x = v->f;
		break;
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
		x = (double)v->u;
		break;
	default:
		x = (double)v->i;
		for (int i = 0; v->type == STOA_DECIMAL && i < v->scale; i++)
			x /= 10;
	}
	bench_answer_number(x);
}

void bench_stoa_query(stoa_txn *txn, const char *sql, bool answer)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	size_t n;
	int rc;

	bench_stoa_check(stoa_query(txn, sql, &cur, &err), &err);
	stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		for (size_t i = 0; answer && i < n; i++)
			answer_value(&row[i]);
		if (answer)
			bench_answer_row();
	}
	bench_stoa_check(rc, &err);
	stoa_cursor_close(cur);
}

void bench_stoa_answer(const char *path, const char *sql)
{
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);

	bench_stoa_query(txn, sql, true);
	stoa_abort(txn);
	bench_stoa_close(db);
}

/* ---- databases that several cases share ---- */

const char *bench_stoa_lineitem(int times)
{
	char stem[32];

	snprintf(stem, sizeof(stem), "lineitem-x%d", times);
	const char *path = bench_path_sf(stem, "stoa");
	if (bench_made(path))
		return path;
	const char *csv = bench_lineitem_csv();
	bench_remove(path);
	stoa_db *db = bench_stoa_open(path);
	for (int i = 0; i < times; i++) {
		stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);

		if (i == 0)
			bench_stoa_create(txn, &bench_lineitem_schema);
		bench_stoa_import(txn, "lineitem", csv, 2);
		bench_stoa_commit(txn);
	}
	bench_stoa_close(db);
	bench_note_made(path, true);
	return path;
}

const char *bench_stoa_orders(void)
{
	const char *path = bench_path_sf("orders", "stoa");

	if (bench_made(path))
		return path;
	bench_remove(path);
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	bench_stoa_create(txn, &bench_orders_schema);
	bench_stoa_import(txn, "orders", bench_orders_csv(), 2);
	bench_stoa_commit(txn);
	bench_stoa_close(db);
	bench_note_made(path, true);
	return path;
}
