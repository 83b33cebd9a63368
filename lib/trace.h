/* SPDX-License-Identifier: MIT */
/*
 * trace.h - a trace as it is made: a tree, written down in the order of a walk
 *
 *     stoa__trace_open(t, STOA_TRACE_TABLE, "hits");
 *         stoa__trace_leaf(t, STOA_TRACE_ROWS, &sum, "row groups");
 *     stoa__trace_close(t);
 *
 * Only leaves are given bytes; stoa__trace_finish() adds them up. Memory that runs out is
 * remembered, and said at the end. So a node's numbers are those of the leaves below it, whatever
 * was measured how.
 *
 * (1) nodes[0] is the root; nodes below node i are i + 1 .. end - 1. (2) But for count, a node with
 * nodes below it has the sums of its children.
 */
#ifndef STOA__TRACE_H
#define STOA__TRACE_H

#include "core/buf.h"
#include "core/error.h"

#define STOA__TRACE_NODES_MAX 1000000u
#define STOA__TRACE_DEPTH_MAX 64u

struct stoa_trace {
	uint32_t n, cap;
	uint32_t open;			/* the node that new ones go below */
	bool failed;
	bool is_difference;
	uint64_t heap;			/* as it was last added to that of all traces */
	struct stoa_trace_node *nodes;
	struct stoa__buf json;
};

/* What a leaf has. */
struct stoa__trace_sum {
	int64_t memory, disk, unlinked;
	int64_t memory_garbage, disk_garbage;
	int64_t count;
};

/* A trace without nodes. NULL when memory is out. */
struct stoa_trace *stoa__trace_new(void);
/* A node below the open one, which it becomes. */
void stoa__trace_open(struct stoa_trace *t, int kind, const char *name, size_t len);
/* The node above becomes the open one. @count is for the node that is closed. */
void stoa__trace_close(struct stoa_trace *t, int64_t count);
/* A node without nodes below it; left out if all is zero. */
void stoa__trace_leaf(struct stoa_trace *t, int kind, const char *name,
		      const struct stoa__trace_sum *sum);
/* Adds up, once the root is closed. STOA_OK or STOA_ENOMEM, when some node could not be made. */
int stoa__trace_finish(struct stoa_trace *t);
/* The heap that all traces of the process take, and @t as it is now. */
uint64_t stoa__trace_heap(struct stoa_trace *t);

#endif
