/* SPDX-License-Identifier: MIT */
/*
 * duckdb.c - DuckDB through dlopen()
 *
 * The prototypes are written down here as DuckDB's documentation gives them; only the result is
 * a struct that we must know the size of, everything else is a pointer. The deprecated fields of
 * the result are never read.
 */
#include "duckdb.h"
#include "bench.h"
#include "ours.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NPM_PATH ".peers/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so"

struct duckdb_result {
	uint64_t deprecated_counts[3];
	void *deprecated_columns;
	char *deprecated_error;
	void *internal;
};

struct duckdb_date {
	int32_t days;
};
struct duckdb_string {
	char *data;
	uint64_t size;
};
/* An element of a vector of texts: up to 12 bytes lie in it. */
struct duckdb_string_t {
	uint32_t length;
	char inlined_or_prefix[4];
	const char *pointer;
};

enum { DUCKDB_INTEGER = 4, DUCKDB_BIGINT = 5, DUCKDB_DATE = 13, DUCKDB_VARCHAR = 17, DUCKDB_DECIMAL = 19 };

/* name, return type, parameters */
#define DUCKDB_CALLS(X)                                                                       \
	X(library_version, const char *, (void))                                              \
	X(create_config, int, (void **config))                                                \
	X(set_config, int, (void *config, const char *name, const char *value))               \
	X(destroy_config, void, (void **config))                                              \
	X(open_ext, int, (const char *path, void **db, void *config, char **error))           \
	X(connect, int, (void *db, void **connection))                                        \
	X(disconnect, void, (void **connection))                                              \
	X(close, void, (void **db))                                                           \
	X(query, int, (void *connection, const char *sql, struct duckdb_result *out))         \
	X(result_error, const char *, (struct duckdb_result * result))                        \
	X(destroy_result, void, (struct duckdb_result * result))                              \
	X(row_count, uint64_t, (struct duckdb_result * result))                               \
	X(column_count, uint64_t, (struct duckdb_result * result))                            \
	X(value_varchar, char *, (struct duckdb_result * result, uint64_t col, uint64_t row)) \
	X(value_int64, int64_t, (struct duckdb_result * result, uint64_t col, uint64_t row))  \
	X(value_double, double, (struct duckdb_result * result, uint64_t col, uint64_t row))  \
	X(value_date, struct duckdb_date,                                                     \
	  (struct duckdb_result * result, uint64_t col, uint64_t row))                        \
	X(value_string, struct duckdb_string,                                                 \
	  (struct duckdb_result * result, uint64_t col, uint64_t row))                        \
	X(column_type, int, (struct duckdb_result * result, uint64_t col))                    \
	X(fetch_chunk, void *, (struct duckdb_result result))                                 \
	X(data_chunk_get_size, uint64_t, (void *chunk))                                       \
	X(free, void, (void *p))                                                              \
	X(appender_create, int,                                                               \
	  (void *connection, const char *schema, const char *table, void **out))              \
	X(append_int64, int, (void *appender, int64_t v))                                     \
	X(append_int32, int, (void *appender, int32_t v))                                     \
	X(append_double, int, (void *appender, double v))                                     \
	X(append_bool, int, (void *appender, bool v))                                         \
	X(append_varchar_length, int, (void *appender, const char *p, uint64_t len))          \
	X(appender_end_row, int, (void *appender))                                            \
	X(appender_destroy, int, (void **appender))                                           \
	X(vector_size, uint64_t, (void))                                                      \
	X(create_logical_type, void *, (int type))                                            \
	X(destroy_logical_type, void, (void **type))                                          \
	X(create_data_chunk, void *, (void **types, uint64_t n))                              \
	X(destroy_data_chunk, void, (void **chunk))                                           \
	X(data_chunk_reset, void, (void *chunk))                                              \
	X(data_chunk_get_vector, void *, (void *chunk, uint64_t column))                      \
	X(vector_get_data, void *, (void *vector))                                            \
	X(data_chunk_set_size, void, (void *chunk, uint64_t rows))                            \
	X(append_data_chunk, int, (void *appender, void *chunk))

#define DECLARE(name, ret, args) ret(*name) args;
static struct {
	void *handle;
	DUCKDB_CALLS(DECLARE)
} api;

static void *open_library(void)
{
	static const char *const places[] = { NPM_PATH, ("bench/" NPM_PATH), "libduckdb.so" };
	const char *named = getenv("STOA_DUCKDB");
	void *handle = NULL;

	if (named)
		return dlopen(named, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; i < BENCH_COUNT(places) && !handle; i++)
		handle = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
	return handle;
}

void bench_duckdb_load(void)
{
	if (api.handle)
		return;
	api.handle = open_library();
	if (!api.handle)
		bench_skip("no libduckdb.so: run bench/peers.sh, or set STOA_DUCKDB");
#define RESOLVE(name, ret, args)                                  \
	*(void **)&api.name = dlsym(api.handle, "duckdb_" #name); \
	if (!api.name)                                            \
		bench_die("libduckdb.so has no duckdb_" #name);
	DUCKDB_CALLS(RESOLVE)
}

void *bench_duckdb_call(const char *name)
{
	void *call;

	bench_duckdb_load();
	call = dlsym(api.handle, name);
	if (!call)
		bench_skip("this libduckdb.so has no %s", name);
	return call;
}

const char *bench_duckdb_version(void)
{
	bench_duckdb_load();
	return api.library_version();
}

void bench_duckdb_open(struct bench_duckdb *d, const char *path, int threads)
{
	char number[16];
	void *config;
	char *error = NULL;

	bench_duckdb_load();
	snprintf(number, sizeof(number), "%d", threads);
	if (api.create_config(&config) != 0 || api.set_config(config, "threads", number) != 0)
		bench_die("DuckDB does not take threads=%s", number);
	if (api.open_ext(path, &d->database, config, &error) != 0)
		bench_die("DuckDB cannot open %s: %s", path ? path : "memory", error);
	api.destroy_config(&config);
	if (api.connect(d->database, &d->connection) != 0)
		bench_die("DuckDB cannot connect");
}

void bench_duckdb_close(struct bench_duckdb *d)
{
	api.disconnect(&d->connection);
	api.close(&d->database);
}

const char *bench_duckdb_file(const char *name, void (*fill)(struct bench_duckdb *d))
{
	const char *path = bench_path_sf(name, "duckdb");
	struct bench_duckdb d;

	bench_duckdb_load();
	if (bench_made(path))
		return path;
	bench_remove(path);
	bench_duckdb_open(&d, path, 2);
	fill(&d);
	bench_duckdb_exec(&d, "CHECKPOINT");
	bench_duckdb_close(&d);
	bench_note_made(path, false);
	return path;
}

static void query(struct bench_duckdb *d, const char *sql, struct duckdb_result *result)
{
	if (api.query(d->connection, sql, result) != 0)
		bench_die("DuckDB: %s: %s", sql, api.result_error(result));
}

void bench_duckdb_exec(struct bench_duckdb *d, const char *format, ...)
{
	struct duckdb_result result;
	char sql[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	query(d, sql, &result);
	api.destroy_result(&result);
}

static void answer_cell(const char *text)
{
	char *end;
	double x = strtod(text, &end);

	if (*text && !*end)
		bench_answer_number(x);
	else
		bench_answer_text(text, strlen(text));
}

uint64_t bench_duckdb_query(struct bench_duckdb *d, const char *sql, bool answer)
{
	struct duckdb_result result;

	query(d, sql, &result);
	uint64_t n_rows = api.row_count(&result);
	uint64_t n_columns = api.column_count(&result);
	for (uint64_t row = 0; answer && row < n_rows; row++) {
		for (uint64_t col = 0; col < n_columns; col++) {
			char *text = api.value_varchar(&result, col, row);

			answer_cell(text ? text : "");
			api.free(text);
		}
		bench_answer_row();
	}
	api.destroy_result(&result);
	return n_rows;
}

/* ---- rows ---- */

#define FETCH_COLUMNS_MAX 32

static double value_sum(struct duckdb_result *r, int type, uint64_t col, uint64_t row)
{
	switch (type) {
	case DUCKDB_INTEGER:
	case DUCKDB_BIGINT: return (double)api.value_int64(r, col, row);
	case DUCKDB_DATE: return api.value_date(r, col, row).days;
	case DUCKDB_DECIMAL: return api.value_double(r, col, row) * 100;
	default: {
		struct duckdb_string s = api.value_string(r, col, row);

		api.free(s.data);
		return (double)s.size;
	}
	}
}

static double fetch_values(struct duckdb_result *r, const int *types, uint64_t n_columns)
{
	uint64_t n = api.row_count(r);
	double sum = 0;

	for (uint64_t row = 0; row < n; row++)
		for (uint64_t col = 0; col < n_columns; col++)
			sum += value_sum(r, types[col], col, row);
	return sum;
}

static double element_sum(int type, const void *data, uint64_t row)
{
	switch (type) {
	case DUCKDB_INTEGER:
	case DUCKDB_DATE: return ((const int32_t *)data)[row];
	case DUCKDB_BIGINT:
	case DUCKDB_DECIMAL: return (double)((const int64_t *)data)[row];
	default: return ((const struct duckdb_string_t *)data)[row].length;
	}
}

static double fetch_chunks(struct duckdb_result *r, const int *types, uint64_t n_columns)
{
	const void *data[FETCH_COLUMNS_MAX];
	double sum = 0;
	void *chunk;

	while ((chunk = api.fetch_chunk(*r)) != NULL) {
		uint64_t n = api.data_chunk_get_size(chunk);

		for (uint64_t col = 0; col < n_columns; col++)
			data[col] = api.vector_get_data(api.data_chunk_get_vector(chunk, col));
		for (uint64_t row = 0; row < n; row++)
			for (uint64_t col = 0; col < n_columns; col++)
				sum += element_sum(types[col], data[col], row);
		api.destroy_data_chunk(&chunk);
	}
	return sum;
}

double bench_duckdb_fetch(struct bench_duckdb *d, const char *sql, bool by_chunk)
{
	struct duckdb_result r;
	int types[FETCH_COLUMNS_MAX];

	query(d, sql, &r);
	uint64_t n_columns = api.column_count(&r);
	if (n_columns > FETCH_COLUMNS_MAX)
		bench_die("DuckDB: %s: more than %d columns", sql, FETCH_COLUMNS_MAX);
	for (uint64_t col = 0; col < n_columns; col++)
		types[col] = api.column_type(&r, col);
	double sum = by_chunk ? fetch_chunks(&r, types, n_columns) :
				fetch_values(&r, types, n_columns);
	api.destroy_result(&r);
	return sum;
}

/* ---- tables like stoa's ---- */

static const struct {
	int type; /* a DUCKDB_TYPE_ */
	uint8_t width;
	const char *name;
} types[] = {
	[STOA_BOOL] = { 1, 1, "BOOLEAN" },         [STOA_I32] = { 4, 4, "INTEGER" },
	[STOA_I64] = { 5, 8, "BIGINT" },           [STOA_F64] = { 11, 8, "DOUBLE" },
	[STOA_TIMESTAMP] = { 12, 8, "TIMESTAMP" }, [STOA_DATE] = { 13, 4, "DATE" },
	[STOA_STRING] = { 0, 0, "VARCHAR" },       [STOA_TEXT] = { 0, 0, "VARCHAR" },
	[STOA_DECIMAL] = { 0, 0, "DECIMAL" },
};

void bench_duckdb_create(struct bench_duckdb *d, const struct bench_schema *schema)
{
	char sql[2048];
	size_t len = (size_t)snprintf(sql, sizeof(sql), "CREATE TABLE %s", schema->table);

	for (size_t i = 0; i < schema->n_slots; i++) {
		const struct stoa_slot *slot = &schema->slots[i];
		char digits[16] = "";

		if (slot->type == STOA_DECIMAL)
			snprintf(digits, sizeof(digits), "(%d,%d)", slot->precision, slot->scale);
		len += (size_t)snprintf(sql + len, sizeof(sql) - len, "%s%s %s%s%s", i ? ", " : "(",
					slot->name, types[slot->type].name, digits,
					slot->flags & STOA_NOT_NULL ? " NOT NULL" : "");
		if (len >= sizeof(sql))
			bench_die("%s has too many columns", schema->table);
	}
	bench_duckdb_exec(d, "%s)", sql);
}

#define COLUMNS_MAX 16

void *bench_duckdb_appender(struct bench_duckdb *d, const struct bench_schema *schema, void **chunk)
{
	void *logical[COLUMNS_MAX];
	void *appender;

	if (schema->n_slots > COLUMNS_MAX)
		bench_die("%s has too many columns", schema->table);
	for (size_t i = 0; i < schema->n_slots; i++)
		logical[i] = api.create_logical_type(types[schema->slots[i].type].type);
	*chunk = api.create_data_chunk(logical, schema->n_slots);
	for (size_t i = 0; i < schema->n_slots; i++)
		api.destroy_logical_type(&logical[i]);
	if (!*chunk || api.appender_create(d->connection, NULL, schema->table, &appender) != 0)
		bench_die("DuckDB cannot append to %s", schema->table);
	return appender;
}

void bench_duckdb_append(void *appender, void *chunk, const struct stoa_array *columns,
			 size_t n_columns, size_t n_rows)
{
	size_t step = api.vector_size();

	for (size_t first = 0; first < n_rows; first += step) {
		size_t rows = n_rows - first < step ? n_rows - first : step;

		api.data_chunk_reset(chunk);
		for (size_t i = 0; i < n_columns; i++) {
			size_t width = types[columns[i].type].width;

			memcpy(api.vector_get_data(api.data_chunk_get_vector(chunk, i)),
			       (const char *)columns[i].values + first * width, rows * width);
		}
		api.data_chunk_set_size(chunk, rows);
		if (api.append_data_chunk(appender, chunk) != 0)
			bench_die("DuckDB's appender failed");
	}
}

void bench_duckdb_appender_close(void *appender, void *chunk)
{
	api.destroy_data_chunk(&chunk);
	if (api.appender_destroy(&appender) != 0)
		bench_die("DuckDB's appender failed");
}

void bench_duckdb_append_records(struct bench_duckdb *d, const char *table, int64_t n)
{
	struct bench_record r;
	void *appender;
	int failed = 0;

	if (api.appender_create(d->connection, NULL, table, &appender) != 0)
		bench_die("DuckDB cannot append to %s", table);
	for (int64_t i = 0; i < n; i++) {
		bench_record_make(i, &r);
		failed |= api.append_int64(appender, r.id);
		failed |= api.append_double(appender, r.price);
		failed |= api.append_int32(appender, r.quantity);
		failed |= api.append_varchar_length(appender, r.name, r.name_len);
		failed |= api.append_bool(appender, r.flag);
		failed |= api.appender_end_row(appender);
	}
	if (api.appender_destroy(&appender) != 0 || failed)
		bench_die("DuckDB's appender failed");
}
