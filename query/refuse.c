/* SPDX-License-Identifier: MIT */
/*
 * refuse.c - SQL that other databases have and this one has not, refused by its name
 *
 *     CREATE VIEW v AS SELECT 1
 *            ^ views are not supported: write the query, or CREATE TABLE ... AS
 *
 * A statement is known by its first word. Elsewhere the grammar gets stuck, at a word that it has
 * no rule for or right behind one that it took for a name, and what was meant is told by that word,
 * the one ahead of it and the statement's first. The list is doc/SQL.md's, too; tests/refuse_test.c
 * has an example of each.
 */
#include "refuse.h"

#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"

/* Each of the words is one, several with spaces between, or NULL for any. */
struct refusal {
	const char *first;	/* word of the statement */
	const char *before;	/* the word ahead */
	const char *word;
	const char *what;
};

static const struct refusal statements[] = {
	{ NULL, NULL, "abort", "ABORT is not supported: use ROLLBACK" },
	{ NULL, NULL, "analyze", "ANALYZE is not supported: there are no statistics to gather" },
	{ NULL, NULL, "attach", "ATTACH is not supported: open a second database with stoa_open()" },
	{ NULL, NULL, "call", "CALL is not supported: there are no procedures" },
	{ NULL, NULL, "checkpoint", "CHECKPOINT is not supported: use stoa_checkpoint()" },
	{ NULL, NULL, "close", "CLOSE is not supported: use stoa_cursor_close()" },
	{ NULL, NULL, "cluster", "CLUSTER is not supported: rows lie in the order of their rowids" },
	{ NULL, NULL, "comment", "COMMENT is not supported" },
	{ NULL, NULL, "copy", "COPY is not supported: use stoa import, and stoa export" },
	{ NULL, NULL, "deallocate", "DEALLOCATE is not supported: use stoa_stmt_free()" },
	{ NULL, NULL, "declare", "DECLARE is not supported: any query is a cursor, see stoa_query()" },
	{ NULL, NULL, "desc", "DESC is not supported: use stoa_table_info(), or stoa schema" },
	{ NULL, NULL, "describe", "DESCRIBE is not supported: use stoa_table_info(), or stoa schema" },
	{ NULL, NULL, "detach", "DETACH is not supported: use stoa_close()" },
	{ NULL, NULL, "discard", "DISCARD is not supported" },
	{ NULL, NULL, "do", "DO is not supported: there is no procedural language" },
	{ NULL, NULL, "execute", "EXECUTE is not supported: use stoa_prepare() and stoa_execute()" },
	{ NULL, NULL, "fetch", "FETCH is not supported: use stoa_next()" },
	{ NULL, NULL, "from", "a query that begins with FROM is not supported: write SELECT * FROM" },
	{ NULL, NULL, "grant", "GRANT is not supported: who may read the files may read the data" },
	{ NULL, NULL, "listen", "LISTEN is not supported: use a deque" },
	{ NULL, NULL, "load", "LOAD is not supported: use stoa_import_csv(), or stoa import" },
	{ NULL, NULL, "lock", "LOCK is not supported: there is one writer at a time" },
	{ NULL, NULL, "merge", "MERGE is not supported: use INSERT ... ON CONFLICT, and UPDATE" },
	{ NULL, NULL, "notify", "NOTIFY is not supported: use a deque" },
	{ NULL, NULL, "pragma", "PRAGMA is not supported: use struct stoa_options" },
	{ NULL, NULL, "prepare", "PREPARE is not supported: use stoa_prepare()" },
	{ NULL, NULL, "refresh", "REFRESH is not supported: there are no materialized views" },
	{ NULL, NULL, "reindex", "REINDEX is not supported: indexes rebuild themselves" },
	{ NULL, NULL, "replace", "REPLACE is not supported: use INSERT ... ON CONFLICT" },
	{ NULL, NULL, "reset", "RESET is not supported: use struct stoa_options" },
	{ NULL, NULL, "revoke", "REVOKE is not supported: who may read the files may read the data" },
	{ NULL, NULL, "set", "SET is not supported: use struct stoa_options" },
	{ NULL, NULL, "show", "SHOW is not supported: use stoa tables, and stoa stat" },
	{ NULL, NULL, "table", "TABLE as a query is not supported: write SELECT * FROM" },
	{ NULL, NULL, "unlisten", "UNLISTEN is not supported" },
	{ NULL, NULL, "use", "USE is not supported: open another database with stoa_open()" },
	{ NULL, NULL, "vacuum", "VACUUM is not supported: space comes back by itself" },
};

#define DDL "create drop alter"
#define VIEWS "views are not supported: write the query, or CREATE TABLE ... AS"
#define REFERENCES "REFERENCES and FOREIGN KEY are not supported: use a slot of type REF(table)"
#define NAMES "names of constraints are not supported: CREATE UNIQUE INDEX gives a key one"
#define TEMPORARY "temporary tables are not supported: use WITH, or a database in memory"
#define ZONES "time zones are not supported: a timestamp is what a clock shows"
#define WITHIN_WITH "statements that change rows within WITH are not supported: use RETURNING"
#define SCHEMAS "schemas are not supported: a database has one list of tables"

static const struct refusal phrases[] = {
	/* CREATE, ALTER and DROP of what is not there */
	{ NULL, "create", "or", "CREATE OR REPLACE is not supported" },
	{ NULL, DDL, "view", VIEWS },
	{ NULL, DDL, "materialized",
	  "materialized views are not supported: use CREATE TABLE ... AS" },
	{ NULL, DDL, "schema", SCHEMAS },
	{ NULL, DDL, "sequence", "sequences are not supported: every table has rowids" },
	{ NULL, DDL, "type domain", "types of one's own are not supported" },
	{ NULL, DDL, "function procedure aggregate macro",
	  "functions of one's own are not supported" },
	{ NULL, DDL, "trigger rule", "triggers are not supported" },
	{ NULL, DDL, "database", "databases in a database are not supported: use stoa_open()" },
	{ NULL, DDL, "extension", "extensions are not supported" },
	{ NULL, DDL, "user role policy",
	  "users are not supported: who may read the files may read the data" },
	{ NULL, "create", "temp temporary local global", TEMPORARY },
	{ NULL, "create", "unlogged",
	  "unlogged tables are not supported: use STOA_LAZY, or STOA_NONE" },
	{ NULL, "create", "virtual", "virtual tables are not supported: see stoa_cursor_generate()" },
	/* within CREATE TABLE, ALTER TABLE and CREATE INDEX */
	{ "create alter", NULL, "check", "CHECK is not supported" },
	{ "create alter", NULL, "references foreign", REFERENCES },
	{ "create alter", "foreign", NULL, REFERENCES },
	{ "create alter", NULL, "generated", "GENERATED is not supported: every table has rowids" },
	{ "create alter", NULL, "constraint", NAMES },
	{ "create alter", "unique key", NULL, NAMES },
	{ "create alter", NULL, "like",
	  "CREATE TABLE (LIKE ...) is not supported: use CREATE TABLE ... AS" },
	{ "create alter", NULL, "partition", "PARTITION BY is not supported" },
	{ "create alter", NULL, "inherits", "INHERITS is not supported" },
	{ "create alter", "timestamp time", "with", ZONES },
	{ "create alter", NULL, "with", "WITH behind a table is not supported" },
	{ "create alter", NULL, "using",
	  "kinds of indexes are not supported: an index is a hash of its columns" },
	{ "create alter", NULL, "where", "indexes of some rows are not supported" },
	{ "create alter", NULL, "desc asc",
	  "orders of indexes are not supported: an index is a hash of its columns" },
	{ "alter", NULL, "alter",
	  "ALTER COLUMN is not supported: ADD a column, UPDATE, and DROP the other" },
	{ "drop truncate", NULL, "cascade restrict", "CASCADE and RESTRICT are not supported" },
	{ NULL, "index", "concurrently", "CONCURRENTLY is not supported" },
	{ NULL, "concurrently", NULL, "CONCURRENTLY is not supported" },
	/* queries */
	{ NULL, "lateral", NULL, "LATERAL is not supported: use a correlated subquery, or a join" },
	{ NULL, "tablesample", NULL, "TABLESAMPLE is not supported" },
	{ NULL, "grouping", NULL, "GROUPING SETS is not supported: use UNION ALL" },
	{ NULL, "by", "all", "ALL is not supported here: write the columns" },
	{ NULL, "qualify", NULL, "QUALIFY is not supported: write a query in FROM, and WHERE" },
	{ NULL, "similar", "to", "SIMILAR TO is not supported: use LIKE, or ~" },
	{ NULL, "at", "time", ZONES },
	{ NULL, "symmetric", NULL, "SYMMETRIC is not supported: put the lesser value first" },
	{ NULL, NULL, "collate", "COLLATE is not supported: strings compare byte by byte" },
	{ NULL, "collate", NULL, "COLLATE is not supported: strings compare byte by byte" },
	{ NULL, NULL, "placing", "OVERLAY is not supported: use left(), || and substring()" },
	{ NULL, NULL, "for", "FOR UPDATE is not supported: there is one writer at a time" },
	{ NULL, "rows row", "with", "WITH TIES is not supported" },
	{ NULL, "select", "exclude replace except",
	  "* EXCLUDE and * REPLACE are not supported: write the columns" },
	{ "select", "into", NULL, "SELECT INTO is not supported: use CREATE TABLE ... AS" },
	{ "with", "as not materialized", "delete insert update", WITHIN_WITH },
	{ NULL, "current", "of", "CURRENT OF is not supported: use the rowid" },
	{ NULL, "information_schema pg_catalog public", NULL, SCHEMAS },
	/* changes, transactions, EXPLAIN */
	{ NULL, "insert", "or", "INSERT OR ... is not supported: use ON CONFLICT" },
	{ NULL, "conflict", "on", "ON CONFLICT ON CONSTRAINT is not supported: name the columns" },
	{ "begin start", NULL, "isolation",
	  "levels of isolation are not supported: a transaction sees one version" },
	{ NULL, "explain", "verbose", "EXPLAIN VERBOSE is not supported" },
	{ "explain", "analyze", "buffers verbose timing costs format",
	  "options of EXPLAIN are not supported" },
};

/* Is @t, unquoted, one of @words? */
static bool is_one_of(const struct stoa__token *t, const char *words)
{
	size_t len;

	for (; !t->quoted && t->len && *words; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if (len == t->len && strncasecmp(words, t->p, len) == 0)
			return true;
	}
	return false;
}

static const struct refusal *find(const struct refusal *list, size_t n, const struct stoa__token *t,
				  const struct stoa__parse *ps)
{
	for (size_t i = 0; i < n; i++)
		if ((!list[i].word || is_one_of(t, list[i].word)) &&
		    (!list[i].before || is_one_of(&ps->word, list[i].before)) &&
		    (!list[i].first || is_one_of(&ps->first, list[i].first)))
			return &list[i];
	return NULL;
}

int stoa__refuse(const struct stoa__parse *ps, const struct stoa__token *t, bool stuck)
{
	const struct refusal *r = NULL;

	if (!ps->first.kind)
		r = find(statements, sizeof statements / sizeof *statements, t, ps);
	else if (stuck && t->kind)
		r = find(phrases, sizeof phrases / sizeof *phrases, t, ps);
	return r ? stoa__fail_at(ps->err, STOA_EUNSUPPORTED, t->line, t->column, "%s", r->what) :
		   STOA_OK;
}
