/* SPDX-License-Identifier: MIT */
/*
 * tree.c - see tree.h
 *
 * (1) key[i] of an inner node is at most the smallest key below child[i], and above all keys below
 *     child[i - 1]. (2) No node but a root being built is empty. (3) All leaves are at level 0.
 */
#include "tree.h"

#include <string.h>

#define FANOUT 32
#define LEVELS_MAX 16	/* 32^13 > 2^64 */

struct stoa__node {
	struct stoa__block block;
	uint16_t n;
	uint16_t level;
	uint64_t key[FANOUT];
	void *child[FANOUT];
};

/*
 * The index of the last key <= @key, or -1. Steps are added, not branched to: they are anybody's
 * guess.
 */
static int locate(const struct stoa__node *node, uint64_t key)
{
	unsigned lo = 0;

	for (unsigned n = node->n; n > 1; n -= n / 2)
		lo += n / 2 & -(unsigned)(node->key[lo + n / 2] <= key);
	return node->n && node->key[lo] <= key ? (int)lo : -1;
}

void *stoa__tree_floor(const struct stoa__node *node, uint64_t key)
{
	const struct stoa__node *left = NULL;	/* the nearest subtree to the left of the path */

	while (node) {
		int i = locate(node, key);

		if (i < 0) {
			/*
			 * below the path's first key, which may be less than the smallest that is
			 * there
			 */
			node = left;
			left = NULL;
			key = UINT64_MAX;
			continue;
		}
		if (!node->level)
			return node->child[i];
		if (i > 0)
			left = node->child[i - 1];
		node = node->child[i];
	}
	return NULL;
}

/*
 * The same for who is mostly at one of the two ends, as a queue is, or in a node of a few: there is
 * nothing to search for, and this branch is guessed right.
 */
static inline int locate_at_ends(const struct stoa__node *node, uint64_t key)
{
	unsigned n = node->n;

	if (n && node->key[n - 1] <= key)
		return (int)n - 1;
	if (n > 1 && node->key[1] > key)
		return node->key[0] <= key ? 0 : -1;
	return locate(node, key);
}

void *stoa__tree_find(const struct stoa__node *node, uint64_t key)
{
	while (node) {
		int i = locate_at_ends(node, key);

		if (i < 0)
			return NULL;
		if (!node->level)
			return node->key[i] == key ? node->child[i] : NULL;
		node = node->child[i];
	}
	return NULL;
}

void *stoa__tree_next(const struct stoa__node *node, uint64_t key, bool or_equal, uint64_t *found)
{
	const struct stoa__node *right = NULL;	/* the nearest subtree to the right of the path */
	int i = 0;

	if (!node)
		return NULL;
	for (;;) {
		i = locate(node, key);
		if (!node->level)
			break;
		if (i < 0)
			i = 0;
		if (i + 1 < node->n)
			right = node->child[i + 1];
		node = node->child[i];
	}
	if (i >= 0 && or_equal && node->key[i] == key) {
		*found = key;
		return node->child[i];
	}
	i++;
	if (i == node->n) {
		if (!right)
			return NULL;
		for (node = right; node->level; node = node->child[0])
			;
		i = 0;
	}
	*found = node->key[i];
	return node->child[i];
}

static struct stoa__node *node_new(struct stoa__version *w, unsigned level)
{
	struct stoa__node *node = stoa__block_new(w, STOA__KIND_NODE, sizeof *node);

	if (node)
		node->level = (uint16_t)level;
	return node;
}

static void insert_at(struct stoa__node *node, unsigned at, uint64_t key, void *child)
{
	memmove(&node->key[at + 1], &node->key[at], (node->n - at) * sizeof node->key[0]);
	memmove(&node->child[at + 1], &node->child[at], (node->n - at) * sizeof node->child[0]);
	node->key[at] = key;
	node->child[at] = child;
	node->n++;
}

static void remove_at(struct stoa__node *node, unsigned at)
{
	node->n--;
	memmove(&node->key[at], &node->key[at + 1], (node->n - at) * sizeof node->key[0]);
	memmove(&node->child[at], &node->child[at + 1], (node->n - at) * sizeof node->child[0]);
}

/*
 * Splits the full child @at of @parent (which has room), where key @key is to go: at the very end,
 * so that ascending keys fill nodes, when @key is beyond its last one; in the middle otherwise.
 */
static int split_child(struct stoa__version *w, struct stoa__node *parent, unsigned at, uint64_t key)
{
	struct stoa__node *left = parent->child[at];
	unsigned keep = key > left->key[FANOUT - 1] ? FANOUT - 1 : FANOUT / 2;
	struct stoa__node *right = node_new(w, left->level);

	if (!right)
		return STOA_ENOMEM;
	right->n = (uint16_t)(FANOUT - keep);
	memcpy(right->key, &left->key[keep], right->n * sizeof right->key[0]);
	memcpy(right->child, &left->child[keep], right->n * sizeof right->child[0]);
	left->n = (uint16_t)keep;
	insert_at(parent, at + 1, right->key[0], right);
	return STOA_OK;
}

/* Makes the root one with room, the working version's own. */
static int prepare_root(struct stoa__version *w, struct stoa__node **root, uint64_t key)
{
	struct stoa__node *top;

	if (!*root) {
		*root = node_new(w, 0);
		return *root ? STOA_OK : STOA_ENOMEM;
	}
	STOA_TRY(stoa__block_own(w, root));
	if ((*root)->n < FANOUT)
		return STOA_OK;
	top = node_new(w, (*root)->level + 1u);
	if (!top)
		return STOA_ENOMEM;
	insert_at(top, 0, (*root)->key[0], *root);
	if (split_child(w, top, 0, key) < 0) {
		stoa__block_retire(w, &top->block);
		return STOA_ENOMEM;
	}
	*root = top;
	return STOA_OK;
}

int stoa__tree_put(struct stoa__version *w, struct stoa__node **root, uint64_t key, void *value)
{
	struct stoa__node *node;
	int i;

	STOA_TRY(prepare_root(w, root, key));
	for (node = *root; node->level; node = node->child[i]) {
		struct stoa__node *child;

		i = locate(node, key);
		if (i < 0) {
			i = 0;
			node->key[0] = key;
		}
		STOA_TRY(stoa__block_own(w, &node->child[i]));
		child = node->child[i];
		if (child->n == FANOUT) {
			STOA_TRY(split_child(w, node, (unsigned)i, key));
			if (node->key[i + 1] <= key)
				i++;
		}
	}
	i = locate(node, key);
	if (i >= 0 && node->key[i] == key)
		node->child[i] = value;
	else
		insert_at(node, (unsigned)(i + 1), key, value);
	return STOA_OK;
}

int stoa__tree_remove(struct stoa__version *w, struct stoa__node **root, uint64_t key)
{
	struct stoa__node *path[LEVELS_MAX];
	int at[LEVELS_MAX];
	int depth = 0;

	if (!stoa__tree_find(*root, key))
		return STOA_OK;
	STOA_TRY(stoa__block_own(w, root));
	path[0] = *root;
	at[0] = locate(path[0], key);
	while (path[depth]->level) {
		STOA_TRY(stoa__block_own(w, &path[depth]->child[at[depth]]));
		path[depth + 1] = path[depth]->child[at[depth]];
		depth++;
		at[depth] = locate(path[depth], key);
	}
	for (;; depth--) {
		remove_at(path[depth], (unsigned)at[depth]);
		if (path[depth]->n)
			return STOA_OK;
		stoa__block_retire(w, &path[depth]->block);
		if (!depth)
			break;
	}
	*root = NULL;
	return STOA_OK;
}

static void retire_below(struct stoa__version *w, struct stoa__node *node)
{
	if (node->level)
		for (unsigned i = 0; i < node->n; i++)
			retire_below(w, node->child[i]);
	stoa__block_retire(w, &node->block);
}

void stoa__tree_retire(struct stoa__version *w, struct stoa__node **root)
{
	if (*root)
		retire_below(w, *root);
	*root = NULL;
}

int stoa__tree_walk(const struct stoa__node *node, uint64_t since,
		    int (*each)(void *ctx, uint64_t key, void *value), void *ctx)
{
	if (!node || node->block.born <= since)
		return STOA_OK;
	for (unsigned i = 0; i < node->n; i++) {
		if (node->level)
			STOA_TRY(stoa__tree_walk(node->child[i], since, each, ctx));
		else
			STOA_TRY(each(ctx, node->key[i], node->child[i]));
	}
	return STOA_OK;
}

void stoa__tree_each_block(struct stoa__node *node, void (*each)(void *ctx, struct stoa__block *b),
			   void *ctx)
{
	if (!node)
		return;
	for (unsigned i = 0; node->level && i < node->n; i++)
		stoa__tree_each_block(node->child[i], each, ctx);
	each(ctx, &node->block);
}

void stoa__tree_free(struct stoa__history *h, struct stoa__node *node,
		     void (*each)(struct stoa__history *h, void *value))
{
	if (!node)
		return;
	for (unsigned i = 0; i < node->n; i++) {
		if (node->level)
			stoa__tree_free(h, node->child[i], each);
		else
			each(h, node->child[i]);
	}
	stoa__block_free(h, &node->block);
}
