/* SPDX-License-Identifier: MIT */
/*
 * tree.h - an ordered map from u64 to blocks, shared between versions
 *
 * A B+ tree whose nodes are blocks: a change copies the path from the root that is not the working
 * version's own yet. Keys that only ever go up fill nodes to the brim. Nodes that run empty
 * are taken out; others are not merged, as removals come in runs at the old end.
 *
 * A root is a struct stoa__node *, NULL for the empty tree. The tree owns its nodes, not its
 * values.
 * Cost: O(log n), fan-out 32.
 */
#ifndef STOA__TREE_H
#define STOA__TREE_H

#include "block.h"

/* The value of @key, or NULL. */
void *stoa__tree_find(const struct stoa__node *root, uint64_t key);
/* The value of the largest key <= @key, or NULL. */
void *stoa__tree_floor(const struct stoa__node *root, uint64_t key);
/* The value of the smallest key > @key (>= with @or_equal), or NULL; its key in *@found. */
void *stoa__tree_next(const struct stoa__node *root, uint64_t key, bool or_equal, uint64_t *found);
/* Adds or replaces. STOA_OK or STOA_ENOMEM: the map is as before. */
int stoa__tree_put(struct stoa__version *w, struct stoa__node **root, uint64_t key, void *value);
/* Removes @key, if it is there. STOA_OK or STOA_ENOMEM: the map is as before. */
int stoa__tree_remove(struct stoa__version *w, struct stoa__node **root, uint64_t key);
/* Retires all nodes; *@root is NULL afterwards. */
void stoa__tree_retire(struct stoa__version *w, struct stoa__node **root);
/*
 * Calls @each with key and value in order, but passes over nodes born up to stamp @since, whose
 * values were all born by then too. A negative result ends the walk and is returned.
 */
int stoa__tree_walk(const struct stoa__node *root, uint64_t since,
		    int (*each)(void *ctx, uint64_t key, void *value), void *ctx);
/* Calls @each with the nodes, those below first: they may go as it sees them. */
void stoa__tree_each_block(struct stoa__node *root, void (*each)(void *ctx, struct stoa__block *b),
			   void *ctx);
/* Frees the nodes at once, calling @each with every value first; when the whole history goes. */
void stoa__tree_free(struct stoa__history *h, struct stoa__node *root,
		     void (*each)(struct stoa__history *h, void *value));

#endif
