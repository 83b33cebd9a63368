/* SPDX-License-Identifier: MIT */
/*
 * graph.h - kept rows and what they refer to, as arrays: which of them does nothing outside refer
 * to?
 *
 *     nodes    rows, in the order in which they were met, and a hash table to find them
 *     edges    edge[start[i] .. start[i + 1])   the nodes that node i refers to
 *
 * A node's count minus the edges that lead to it is what refers to it from outside: members, holds,
 * rows that are no candidates' children. Where that is not zero, and from there on, rows live; the
 * others die. A member is never a node: it lives, and keeps what it refers to by being outside.
 *
 * The graph is that of one version, which is held while it is made: no lock, and nothing changes.
 * Used as
 *
 *     find_tables, add (each candidate), follow, mark, list_dead
 *
 * Invariant: nodes are kept rows of tables that lie on a cycle of the schema's strong references.
 * Some 40 bytes a node and 4 an edge, in arrays that double.
 */
#ifndef STOA__GRAPH_H
#define STOA__GRAPH_H

#include "db.h"

struct stoa__graph_node {
	uint64_t row;
	uint32_t table;
	uint32_t outside;	/* references that do not come from nodes */
	uint32_t start;		/* its edges are from here to the next node's */
	uint32_t parent;	/* towards the name of its component */
	bool lives;
};

struct stoa__graph {
	struct stoa_db *db;			/* whose holds keep rows */
	const struct stoa__version *v;
	uint32_t *tables;	/* that can form a cycle, ascending */
	size_t n_tables;
	struct stoa__graph_node *nodes;
	size_t n, cap;
	uint32_t *slots;	/* of the hash table */
	size_t cap_slots;	/* a power of two, at most half of them in use */
	uint32_t *edges;
	size_t n_edges, cap_edges;
	struct stoa__graph_near {	/* where the last row was found */
		uint32_t id;		/* 0: nowhere yet */
		const struct stoa__table *table;
		struct stoa__group *group;
		const struct stoa__counts *counts;
		uint64_t counts_key;
	} at;
};

/* Frees what @g has, which began as zeros but for db and v. */
void stoa__graph_release(struct stoa__graph *g);
/* Finds out which tables can form a cycle. STOA_OK or STOA_ENOMEM. */
int stoa__graph_find_tables(struct stoa__graph *g);
/* Table @id, or NULL if it cannot form a cycle, or is gone. */
const struct stoa__table *stoa__graph_table(struct stoa__graph *g, uint32_t id);
/* Adds a row, if it is a kept one of such a table. STOA_ENOMEM, errors of reading. */
int stoa__graph_add(struct stoa__graph *g, uint32_t table, uint64_t row, struct stoa_error *err);
/* Follows what the nodes refer to, which adds nodes, until all have been. */
int stoa__graph_follow(struct stoa__graph *g, struct stoa_error *err);
/* Marks all nodes that something outside keeps: they live. STOA_OK or STOA_ENOMEM. */
int stoa__graph_mark(struct stoa__graph *g);
/*
 * The dead nodes into @dead, component by component; @first is room for one more number than there
 * are nodes. Returns how many.
 */
size_t stoa__graph_list_dead(struct stoa__graph *g, uint32_t *first, uint32_t *dead);
/* The name of a node's component. */
uint32_t stoa__graph_root(struct stoa__graph *g, uint32_t i);

#endif
