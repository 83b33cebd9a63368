/* SPDX-License-Identifier: MIT */
/* case_query.h - lineitem in the peers' files, made when missing */
#ifndef BENCH_CASE_QUERY_H
#define BENCH_CASE_QUERY_H

const char *bench_duckdb_lineitem(void);
const char *bench_sqlite_lineitem(void);

#endif
