/* SPDX-License-Identifier: MIT */
/*
 * from.c - FROM: tables to trees and scopes
 *
 * A table's slots are columns of the scope from the start, but a variable, and a place in the scan,
 * each gets with its first use: what a query does not name is never read.
 */
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "plan.h"

static struct stoa__node *refuse(struct stoa__binder *bn, const struct stoa__token *at,
				 const char *what)
{
	stoa__bind_fail(bn, at, STOA_EUNSUPPORTED, "%s not supported", what);
	return NULL;
}

/* The columns of a table, the rowid last, so that a slot of that name goes before. */
static void table_columns(struct stoa__binder *bn, const struct stoa_table_info *info,
			  struct stoa__node *scan, struct stoa_bytes alias,
			  struct stoa__scope *scope)
{
	struct stoa__scope_column *c = stoa__bind_array(bn, info->n_slots + 1, sizeof *c);

	if (!c)
		return;
	for (size_t i = 0; i < info->n_slots; i++) {
		const struct stoa_slot *s = &info->slots[i];
		char *name = stoa__arena_copy(bn->arena, s->name, strlen(s->name));
		if (!name) {
			bn->rc = stoa__fail_memory(bn->err);
			return;
		}
		c[i] = (struct stoa__scope_column){
			.name = name,
			.type = { s->type, s->precision, s->scale },
			.not_null = (s->flags & STOA_NOT_NULL) != 0,
			.slot = (uint32_t)i,
		};
	}
	c[info->n_slots] = (struct stoa__scope_column){
		.name = "rowid", .type = stoa__type_plain(STOA_I64), .not_null = true,
		.hidden = true, .slot = STOA__SLOT_ROWID,
	};
	for (size_t i = 0; i <= info->n_slots; i++) {
		c[i].table = alias;
		c[i].var = UINT32_MAX;
		c[i].scan = scan;
	}
	scope->columns = c;
	scope->n = info->n_slots + 1;
}

static struct stoa__node *bind_table(struct stoa__binder *bn, const struct stoa__from *f,
				     struct stoa__scope *scope)
{
	struct stoa__node *scan = stoa__node_new(bn, STOA__NODE_SCAN, NULL);
	char *name = stoa__arena_copy(bn->arena, f->name.p, f->name.len);
	struct stoa_table_info info;

	if (!scan || !name) {
		if (bn->rc >= 0)
			bn->rc = stoa__fail_memory(bn->err);
		return NULL;
	}
	int rc = bn->tables->find(bn->tables, name, &scan->table, &info, bn->err);
	if (rc == STOA_ENOTFOUND || memchr(f->name.p, 0, f->name.len)) {
		stoa__bind_fail(bn, &f->at, STOA_ENOTFOUND, "there is no table '%.*s'",
				f->name.len > STOA_NAME_MAX ? STOA_NAME_MAX : (int)f->name.len,
				name);
		return NULL;
	}
	if (rc < 0) {
		bn->rc = rc;
		return NULL;
	}
	scan->table_name = name;
	scan->only = f->only;
	table_columns(bn, &info, scan, f->alias.p ? f->alias : f->name, scope);
	return scan;
}

struct stoa__node *stoa__from_bind(struct stoa__binder *bn, const struct stoa__from *f,
				   struct stoa__scope *scope)
{
	if (bn->rc < 0)
		return NULL;
	if (!f)
		return stoa__node_new(bn, STOA__NODE_ONE, NULL);
	scope->table = f->alias.p ? f->alias : f->name;
	scope->n_tables = 1;
	switch ((enum stoa__from_kind)f->kind) {
	case STOA__FROM_TABLE: return bind_table(bn, f, scope);
	case STOA__FROM_QUERY: return refuse(bn, &f->at, "a subquery in FROM is");
	case STOA__FROM_FILE: return refuse(bn, &f->at, "a file in FROM is");
	case STOA__FROM_JOIN:
		return refuse(bn, &f->at, "a join, or more than one table in FROM, is");
	}
	return NULL;
}
