/* SPDX-License-Identifier: MIT */
/* trace.h - what the pictures of a trace share */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "cli.h"

/* The number of @node that is shown as its size, without its sign. */
double trace_size(const struct stoa_trace_node *node, int measure);

/* ---- treemap.c ---- */

/* Adds an SVG picture of @trace, areas by @measure; with @changes it is a comparison. */
void text_put_treemap(struct text *t, const stoa_trace *trace, int measure, bool changes);

#endif
