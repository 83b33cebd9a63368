/* SPDX-License-Identifier: MIT */
/*
 * session.c - scripts of statements, each in the right transaction
 *
 *     in BEGIN ... COMMIT   that transaction
 *     a query               a snapshot, which its cursor keeps
 *     what writes           a transaction of its own, committed when it is done
 *
 * A statement is bound in a snapshot first: so it is known whether it writes, and its errors cost
 * nobody a wait for the writer.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/db.h"
#include "stmt.h"

struct stoa_session {
	stoa_db *db;
	stoa_txn *txn;		/* of BEGIN; NULL outside */
	stoa_progress_fn *progress;	/* who hears how far a change is; NULL: nobody */
	void *progress_ctx;
};

int stoa_session_open(stoa_db *db, stoa_session **out, struct stoa_error *err)
{
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the session");
	*out = NULL;
	STOA_TRY(stoa__db_enter(db, err));
	stoa_session *s = stoa__calloc(1, sizeof *s);
	if (!s)
		return stoa__fail_memory(err);
	s->db = db;
	*out = s;
	return STOA_OK;
}

stoa_txn *stoa_session_txn(const stoa_session *session)
{
	return session->txn;
}

void stoa_session_close(stoa_session *session)
{
	if (!session)
		return;
	stoa_abort(session->txn);
	stoa__free(session);
}

/* ---- BEGIN, COMMIT, ROLLBACK ----------------------------------------------------------------- */

static int begin(stoa_session *s, const struct stoa__statement *tree, struct stoa_error *err)
{
	bool write = !tree->read_only && !s->db->read_only;

	if (s->txn)
		return stoa__fail_at(err, STOA_ESTATE, tree->at.line, tree->at.column,
				     "a transaction is open: COMMIT it, or ROLLBACK, first");
	return stoa_begin(s->db, write ? STOA_WRITE : STOA_READ, &s->txn, err);
}

static int control(stoa_session *s, const struct stoa__statement *tree, struct stoa_error *err)
{
	stoa_txn *txn = s->txn;

	if (tree->kind == STOA__STATEMENT_BEGIN)
		return begin(s, tree, err);
	if (!txn)
		return stoa__fail_at(err, STOA_ESTATE, tree->at.line, tree->at.column,
				     "no transaction is open: BEGIN one");
	s->txn = NULL;
	if (tree->kind == STOA__STATEMENT_COMMIT)
		return stoa_commit(txn, err);
	stoa_abort(txn);
	return STOA_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

static bool is_savepoint(const struct stoa__statement *tree)
{
	return tree->kind == STOA__STATEMENT_SAVEPOINT || tree->kind == STOA__STATEMENT_RELEASE ||
	       tree->kind == STOA__STATEMENT_ROLLBACK_TO;
}

/* In a transaction of its own. */
static int execute_alone(stoa_session *s, stoa_stmt *stmt, stoa_cursor **out,
			 struct stoa_error *err)
{
	bool write = stoa_stmt_writes(stmt);
	stoa_txn *txn;

	if (is_savepoint(stmt->tree))
		return stoa__fail_at(err, STOA_ESTATE, stmt->tree->at.line, stmt->tree->at.column,
				     "savepoints are of a transaction: BEGIN one");
	STOA_TRY(stoa_begin(s->db, write ? STOA_WRITE : STOA_READ, &txn, err));
	int rc = stoa_execute(stmt, txn, out, err);
	if (rc < 0) {
		stoa_abort(txn);
		return rc;
	}
	rc = stoa_commit(txn, err);
	if (rc < 0) {
		stoa_cursor_close(*out);
		*out = NULL;
	}
	return rc;
}

static int prepare(stoa_session *s, const char *sql, size_t len, struct stoa__spot spot,
		   stoa_stmt **out, struct stoa_error *err)
{
	struct stoa__txn_tables t;
	stoa_txn *txn = s->txn;

	if (!txn)
		STOA_TRY(stoa_begin(s->db, STOA_READ, &txn, err));
	stoa__txn_tables_init(&t, txn);
	int rc = stoa__stmt_prepare(&t.tables, sql, len, spot, out, err);
	stoa__txn_tables_release(&t);
	if (!s->txn)
		stoa_abort(txn);
	return rc;
}

static int run(stoa_session *s, stoa_stmt *stmt, stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__query_cursor *none;

	if (!stoa__statement_ends(stmt->tree))
		return s->txn ? stoa_execute(stmt, s->txn, out, err) :
				execute_alone(s, stmt, out, err);
	STOA_TRY(stoa__query_cursor_new(stmt, &none, err));
	int rc = control(s, stmt->tree, err);
	if (rc < 0)
		stoa_cursor_close(&none->cursor);
	else
		*out = &none->cursor;
	return rc;
}

int stoa_session_next(stoa_session *session, struct stoa_script *script, stoa_cursor **out,
		      struct stoa_error *err)
{
	stoa_cursor *cur = NULL;
	struct stoa__spot spot;
	stoa_stmt *stmt;
	const char *sql;
	size_t len;

	if (out)
		*out = NULL;
	if (!session || !script)
		return stoa__fail(err, STOA_EINVAL, "the session or the script is NULL");
	STOA_TRY(stoa__db_enter(session->db, err));
	int rc = stoa__parse_cut(script, &sql, &len, &spot, err);
	if (rc != STOA_ROW)
		return rc;
	STOA_TRY(prepare(session, sql, len, spot, &stmt, err));
	stmt->progress = session->progress;
	stmt->progress_ctx = session->progress_ctx;
	rc = run(session, stmt, &cur, err);
	stoa_stmt_free(stmt);	/* the cursor keeps it */
	if (out)
		*out = cur;
	else
		stoa_cursor_close(cur);
	return rc < 0 ? rc : STOA_ROW;
}

int stoa_session_watch(stoa_session *session, stoa_progress_fn *progress, void *ctx,
		       struct stoa_error *err)
{
	if (!session)
		return stoa__fail(err, STOA_EINVAL, "the session is NULL");
	session->progress = progress;
	session->progress_ctx = ctx;
	return STOA_OK;
}

int stoa_script_writes(const struct stoa_script *script, bool *out, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa_script s = *script;
	struct stoa__statement *tree;
	struct stoa__spot spot;
	uint32_t n_params;
	const char *sql;
	size_t len;
	int rc;

	*out = false;
	while ((rc = stoa__parse_cut(&s, &sql, &len, &spot, err)) == STOA_ROW) {
		stoa__arena_reset(&arena);
		rc = stoa__parse_at(sql, len, spot, &arena, &tree, &n_params, err);
		if (rc < 0)
			break;
		*out |= stoa__statement_writes(tree);
	}
	stoa__arena_release(&arena);
	return rc < 0 ? rc : STOA_OK;
}
