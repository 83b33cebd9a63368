/* SPDX-License-Identifier: MIT */
/*
 * tree.h - directories of a few files, for tests that copy databases and damage them
 *
 * Only what a database has: folders two deep, regular files. Failures end the process: they are the
 * machine's.
 */
#ifndef STOA__TEST_TREE_H
#define STOA__TEST_TREE_H

#include <stddef.h>
#include <stdint.h>

#define TREE_FILES_MAX 64

struct tree {
	size_t n;
	struct tree_file {
		char name[64];	/* from the directory on: "log/00000001.log" */
		uint8_t *bytes;
		size_t len;
	} files[TREE_FILES_MAX];
};

/* Reads all files below @path into memory, in the order of their names. */
struct tree *tree_read(const char *path);
/* Makes @path, or what is there, be like @tree, empty folders log and segments included. */
void tree_write(const struct tree *tree, const char *path);
/* Writes one file of it anew: @len bytes of it at @bytes. */
void tree_write_file(const char *path, const char *name, const uint8_t *bytes, size_t len);
/* Removes @path with all in it, if it is there. */
void tree_remove(const char *path);
void tree_free(struct tree *tree);

#endif
