/* SPDX-License-Identifier: MIT */
/* tree.c - see tree.h */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tree *reading; /* nftw() has no argument for us */
static size_t root_len;

static void give_up(const char *what, const char *name)
{
	fprintf(stderr, "%s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static void read_file(struct tree_file *f, const char *path, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	f->len = len;
	f->bytes = malloc(len + 1);
	if (fd < 0 || !f->bytes || read(fd, f->bytes, len) != (ssize_t)len)
		give_up("reading", path);
	close(fd);
}

static int read_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	struct tree_file *f = &reading->files[reading->n];

	(void)ftw;
	if (kind != FTW_F)
		return 0;
	if (reading->n == TREE_FILES_MAX)
		give_up("too many files at", path);
	snprintf(f->name, sizeof f->name, "%s", path + root_len + 1);
	read_file(f, path, (size_t)st->st_size);
	reading->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree_file *)a)->name, ((const struct tree_file *)b)->name);
}

struct tree *tree_read(const char *path)
{
	struct tree *tree = calloc(1, sizeof *tree);

	if (!tree)
		give_up("no memory for", path);
	reading = tree;
	root_len = strlen(path);
	if (nftw(path, read_entry, 16, FTW_PHYS) < 0)
		give_up("walking", path);
	qsort(tree->files, tree->n, sizeof tree->files[0], by_name);
	return tree;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void make(const char *path, const char *sub)
{
	char name[4096];

	snprintf(name, sizeof name, "%s/%s", path, sub);
	if (mkdir(name, 0777) < 0 && errno != EEXIST)
		give_up("making", name);
}

void tree_remove(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_write(const struct tree *tree, const char *path)
{
	tree_remove(path);
	make(path, "");
	make(path, "log");
	make(path, "segments");
	for (size_t i = 0; i < tree->n; i++)
		tree_write_file(path, tree->files[i].name, tree->files[i].bytes,
				tree->files[i].len);
}

void tree_write_file(const char *path, const char *name, const uint8_t *bytes, size_t len)
{
	char full[4096];
	int fd;

	snprintf(full, sizeof full, "%s/%s", path, name);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		give_up("writing", full);
	close(fd);
}

void tree_free(struct tree *tree)
{
	for (size_t i = 0; tree && i < tree->n; i++)
		free(tree->files[i].bytes);
	free(tree);
}
