/* SPDX-License-Identifier: MIT */
/* direct.c - see direct.h */
#include "direct.h"

#include <string.h>
#include <strings.h>

#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "../lib/db.h"

/* ---- values --------------------------------------------------------------------------------- */

/* What a constant, or a parameter, is by itself. */
static bool constant(const struct stoa__ast *a, const struct stoa_value *params,
		     struct stoa_value *out)
{
	switch ((enum stoa__ast_kind)a->kind) {
	case STOA__AST_PARAM: *out = params[a->op - 1]; return true;
	case STOA__AST_NULL: *out = stoa_null(); return true;
	case STOA__AST_BOOL: *out = stoa_bool(a->op); return true;
	case STOA__AST_STRING:
		*out = stoa_bytes_value(STOA_TEXT, a->text.p, a->text.len);
		return true;
	case STOA__AST_NUMBER:
		*out = stoa_i64(0);
		return stoa__parse_i64(a->text.p, a->text.len, &out->i) == STOA_OK;
	default: return false;
	}
}

/* Does storing @v in a slot of that type mean the same, wherever it fits, as an assignment does? */
static bool is_plain(unsigned type, const struct stoa_value *v)
{
	bool whole = stoa__type_is_int(v->type) || v->type == STOA_U64;

	if (v->type == type)
		return true;
	if (type == STOA_STRING || type == STOA_TEXT)
		return v->type == STOA_STRING || v->type == STOA_TEXT;
	if (stoa__type_is_ref(type))
		return whole;
	return (stoa__type_is_number(type) && whole) || (type == STOA_F32 && v->type == STOA_F64) ||
	       (type == STOA_F64 && v->type == STOA_F32);
}

bool stoa__direct_value(const struct stoa__ast *a, const struct stoa_value *params,
			const struct stoa_slot *slot, struct stoa_value *out)
{
	if (!a || a->kind == STOA__AST_DEFAULT) {
		*out = stoa_default();
		return true;
	}
	return constant(a, params, out) &&
	       (out->type == STOA_NULL || is_plain(slot->type, out));
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* A column of the statement's table, and what it is to be equal to. */
struct condition {
	const struct stoa__ast *name;
	const struct stoa__ast *value;
};

static bool is_table(const struct stoa__statement *s, struct stoa_bytes name)
{
	struct stoa_bytes own = s->alias.p ? s->alias : (struct stoa_bytes){ s->table.p, s->table.len };

	return name.len == own.len && !strncasecmp(name.p, own.p, own.len);
}

static bool split(const struct stoa__statement *s, struct condition *c)
{
	const struct stoa__ast *w = s->where;

	if (!w || w->kind != STOA__AST_BINARY || w->op != STOA__OP_EQ)
		return false;
	c->name = w->a->kind == STOA__AST_NAME ? w->a : w->b;
	c->value = c->name == w->a ? w->b : w->a;
	return c->name->kind == STOA__AST_NAME &&
	       (!c->name->qualifier.p || is_table(s, c->name->qualifier));
}

static int find_rowid(stoa_txn *txn, stoa_table table, const struct stoa_value *v, stoa_rowid *row)
{
	struct stoa__table *t;
	struct stoa__place at;
	int rc;

	if (v->type != STOA_I64 || v->i <= 0)
		return STOA_EUNSUPPORTED;
	*row = (stoa_rowid)v->i;
	STOA_TRY(stoa__txn_table(txn, table, &t, NULL));
	rc = stoa__table_locate(t, *row, &at, NULL);
	return rc == STOA_ENOTFOUND ? STOA_END : rc < 0 ? rc : STOA_ROW;
}

/* The unique set on slot @at alone; 0: there is none. */
static stoa_index unique_on(stoa_txn *txn, stoa_table table, uint32_t at)
{
	struct stoa_index_info info;
	stoa_index i = 0;

	while (stoa_index_next(txn, table, i, &i, NULL) == STOA_ROW)
		if (stoa_index_info(txn, table, i, &info, NULL) == STOA_OK &&
		    info.kind == STOA_INDEX_SET && (info.flags & STOA_INDEX_UNIQUE) &&
		    info.n_slots == 1 && info.slots[0] == at)
			return i;
	return 0;
}

int stoa__direct_row(stoa_txn *txn, stoa_table table, const struct stoa_table_info *info,
		     const struct stoa__statement *s, const struct stoa_value *params,
		     stoa_rowid *row)
{
	struct condition c;
	struct stoa_value v;
	uint32_t at = 0;
	stoa_index set;

	if (!split(s, &c))
		return STOA_EUNSUPPORTED;
	while (at < info->n_slots && !stoa__same_name(c.name->text, info->slots[at].name))
		at++;
	if (at == info->n_slots)
		return stoa__same_name(c.name->text, "rowid") && constant(c.value, params, &v) ?
			       find_rowid(txn, table, &v, row) :
			       STOA_EUNSUPPORTED;
	if (!constant(c.value, params, &v) || v.type == STOA_NULL ||
	    !is_plain(info->slots[at].type, &v) || info->slots[at].type == STOA_F32 ||
	    info->slots[at].type == STOA_F64)
		return STOA_EUNSUPPORTED;
	set = unique_on(txn, table, at);
	return set ? stoa_set_find(txn, table, set, &v, 1, row, NULL) : STOA_EUNSUPPORTED;
}
