/* SPDX-License-Identifier: MIT */
/*
 * duckdb.c - see duckdb.h
 */
#include "duckdb.h"

#include <dlfcn.h>
#include <stdlib.h>

struct duckdb_calls duckdb;

bool duckdb_load(void)
{
	const char *path = getenv("STOA_DUCKDB");
	void *library = path && *path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	bool all = library != NULL;

#define LOAD(name, type, parameters)                                      \
	if (library)                                                      \
		*(void **)&duckdb.name = dlsym(library, "duckdb_" #name); \
	all = all && duckdb.name;
	DUCKDB_CALLS(LOAD)
	return all;
}
