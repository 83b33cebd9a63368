/* SPDX-License-Identifier: MIT */
/*
 * shell.c - stoa DB: a prompt
 *
 *     stoa> SELECT count(*)
 *      ...> FROM flights;
 *
 * Lines are gathered until a semicolon ends a statement, outside of quotes and comments; a line
 * that begins with a dot, where a statement might begin, is a command of the shell. Without a
 * terminal the same is read from standard input, without prompts, and the first error ends it.
 *
 * The database is open for reading only until something wants to write; so a prompt that is left
 * open is in nobody's way, and another's commits are seen from one statement to the next. From the
 * first write on it is open for writing, until the shell ends.
 */
#include "dump.h"
#include "options.h"
#include "shell.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ROWS_ON_TERMINAL 1000

/* ---- the database ----------------------------------------------------------------------- */

static int open_db(struct shell *sh, bool writing)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;

	options.flags = sh->restore ? STOA_OPEN_EXCLUSIVE : STOA_OPEN_NO_CREATE;
	if (!writing && sh->path)
		options.flags |= STOA_OPEN_READ_ONLY;
	if (stoa_open(sh->path, &options, &sh->db, &err) < 0) {
		if (err.code != STOA_ENOTFOUND || !is_absent(sh->path))
			return report_error(sh->path, &err);
		report("%s: there is no database: 'stoa create %s' makes one", sh->path, sh->path);
		return CLI_FAILURE;
	}
	if (stoa_session_open(sh->db, &sh->session, &err) < 0) {
		int code = report_error(sh->path, &err);

		stoa_close(sh->db, NULL);
		sh->db = NULL;
		return code;
	}
	sh->writing = writing || !sh->path;
	return CLI_OK;
}

static int close_db(struct shell *sh)
{
	struct stoa_error err;
	int code = CLI_OK;

	stoa_session_close(sh->session);
	sh->session = NULL;
	if (sh->db && stoa_close(sh->db, &err) < 0)
		code = report_error(sh->path, &err);
	sh->db = NULL;
	return code;
}

int shell_open_writing(struct shell *sh)
{
	int code;

	if (sh->writing || stoa_session_txn(sh->session))
		return CLI_OK;	/* in a transaction that reads, the statement says so itself */
	code = close_db(sh);
	if (code == CLI_OK)
		code = open_db(sh, true);
	if (code != CLI_OK && !sh->db && open_db(sh, false) != CLI_OK)
		sh->quit = true;
	return code;
}

/* What other processes have committed meanwhile. */
static void refresh(struct shell *sh)
{
	struct stoa_error err;

	if (!sh->writing && !stoa_session_txn(sh->session) && stoa_refresh(sh->db, &err) < 0)
		report_error(sh->path, &err);
}

int shell_begin(struct shell *sh, struct session *s, unsigned flags)
{
	struct stoa_error err;
	int code = flags & STOA_WRITE ? shell_open_writing(sh) : CLI_OK;

	if (code != CLI_OK)
		return code;
	*s = (struct session){ sh->path ? sh->path : ":memory:", sh->db,
			       stoa_session_txn(sh->session) };
	if (s->txn)
		return CLI_OK;
	refresh(sh);
	return stoa_begin(sh->db, flags, &s->txn, &err) < 0 ? report_error(s->path, &err) : CLI_OK;
}

int shell_end(struct shell *sh, struct session *s, int code)
{
	struct stoa_error err;

	if (s->txn == stoa_session_txn(sh->session))
		return code;
	if (code != CLI_OK)
		stoa_abort(s->txn);
	else if (stoa_commit(s->txn, &err) < 0)
		code = report_error(s->path, &err);
	return code;
}

/* ---- statements ------------------------------------------------------------------------- */

static int show_rows(struct shell *sh, stoa_cursor *cur, const char *sql)
{
	const struct stoa_column *columns;
	struct progress progress;
	struct writer *w;
	FILE *out;
	size_t n;
	int code;

	columns = stoa_columns(cur, &n);
	if (n == 0) {
		uint64_t changes = stoa_changes(cur);

		stoa_cursor_close(cur);
		if (sh->interactive && changes)
			printf("(%llu row%s changed)\n", (unsigned long long)changes,
			       changes == 1 ? "" : "s");
		return CLI_OK;
	}
	out = sh->out ? sh->out : pager_open();
	w = writer_new(out, &sh->options, columns, n);
	progress_init(&progress, sh->out ? sh->out_path : "query");
	progress.until_rows = !sh->out;
	code = write_cursor(w, cur, sql, &progress);
	if (code == CLI_OK)
		code = writer_finish(w);
	else
		writer_discard(w);
	if (!sh->out)
		pager_close(out);
	if (code == CLI_INTERRUPTED)
		report("interrupted");
	return code;
}

/* Ctrl-C ends a change. */
static int on_change(void *ctx, const struct stoa_query_progress *now)
{
	(void)ctx;
	(void)now;
	return interrupted();
}

static int run_script(struct shell *sh, const char *sql)
{
	struct stoa_script script = STOA_SCRIPT_INIT(sql, strlen(sql));
	struct stoa_error err;
	stoa_cursor *cur;
	bool writes;
	int rc, code = CLI_OK;

	if (stoa_script_writes(&script, &writes, &err) < 0)
		return report_sql_error(sql, &err);
	if (writes)
		code = shell_open_writing(sh);
	refresh(sh);
	if (code == CLI_OK && stoa_session_watch(sh->session, on_change, NULL, &err) < 0)
		code = report_error(sh->path, &err);
	while (code == CLI_OK) {
		rc = stoa_session_next(sh->session, &script, &cur, &err);
		if (rc == STOA_END)
			break;
		if (rc == STOA_ECANCELED && interrupted()) {
			report("interrupted: the statement has changed nothing");
			code = CLI_INTERRUPTED;
			break;
		}
		code = rc < 0 ? report_sql_error(sql, &err) : show_rows(sh, cur, sql);
	}
	return code;
}

int shell_run(struct shell *sh, const char *sql)
{
	double start = seconds_now();
	int code;

	interrupt_reset();
	code = run_script(sh, sql);
	if (sh->timer && code == CLI_OK)
		printf("%.3f s\n", seconds_now() - start);
	fflush(stdout);
	return code;
}

/* ---- lines to statements ---------------------------------------------------------------- */

/* Text that is no statement yet. */
struct pending {
	struct text text;
	size_t scanned;		/* of it */
	char within;		/* ' or ", - a comment to the end of the line, * one that is not; 0 */
};

static void pending_reset(struct pending *p)
{
	text_release(&p->text);
	p->scanned = 0;
	p->within = '\0';
}

/* What begins at @s within no quote or comment: ', ", - or *; or 0. */
static char opens(const char *s)
{
	if (s[0] == '-' && s[1] == '-')
		return '-';
	if (s[0] == '/' && s[1] == '*')
		return '*';
	return s[0] == '\'' || s[0] == '"' ? s[0] : '\0';
}

static bool closes(char within, const char *s)
{
	if (within == '*')
		return s[0] == '*' && s[1] == '/';
	return s[0] == (within == '-' ? '\n' : within);
}

/*
 * Looks at what was added: bytes up to behind the last semicolon that ends a statement, or 0. A
 * byte is looked at once, however long the statement grows.
 */
static size_t whole(struct pending *p)
{
	size_t last = 0;

	for (size_t i = p->scanned; i < p->text.len; i++) {
		const char *s = p->text.p + i;

		if (p->within) {
			if (!closes(p->within, s))
				continue;
			i += p->within == '*';
			p->within = '\0';
		} else if ((p->within = opens(s)) != '\0') {
			i += p->within == '*' || p->within == '-';
		} else if (*s == ';') {
			last = i + 1;
		}
	}
	p->scanned = p->text.len;
	return last;
}

static bool is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n;")] == '\0';
}

static bool is_empty(const struct pending *p)
{
	return p->text.len == 0 || is_blank(p->text.p);
}

/* Takes one more line: runs it if it is a command, and what statements it completes. */
static int take_line(struct shell *sh, struct pending *p, const char *line)
{
	bool taken = false;
	size_t n;
	char *sql;
	int code;

	if (sh->restore && is_empty(p)) {
		code = restore_line(sh->restore, sh->path, stoa_session_txn(sh->session), line, &taken);
		if (code != CLI_OK || taken)
			return code;
	}
	if (is_empty(p) && line[strspn(line, " \t")] == '.' && !sh->restore) {
		pending_reset(p);
		if (sh->interactive && sh->depth == 0)
			line_remember(line);
		return shell_command(sh, line + strspn(line, " \t"));
	}
	text_puts(&p->text, line);
	text_puts(&p->text, "\n");
	n = whole(p);
	if (n == 0)
		return CLI_OK;
	size_t blanks = strspn(p->text.p, " \t\r\n");
	sql = xstrdup(p->text.p + (blanks < n ? blanks : 0));
	sql[n - (blanks < n ? blanks : 0)] = '\0';
	/* What is left begins a statement; its quotes and comments are known. */
	memmove(p->text.p, p->text.p + n, p->text.len - n + 1);
	p->text.len -= n;
	p->scanned = p->text.len;
	if (sh->interactive && sh->depth == 0)
		line_remember(sql);
	code = is_blank(sql) ? CLI_OK : shell_run(sh, sql);
	free(sql);
	return code;
}

int shell_read(struct shell *sh, FILE *in)
{
	struct pending pending = { 0 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int code = CLI_OK;

	sh->depth++;
	while (code == CLI_OK && !sh->quit && (n = getline(&line, &cap, in)) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		code = take_line(sh, &pending, line);
	}
	/* The last statement may lack its semicolon. */
	if (code == CLI_OK && !sh->quit && !is_empty(&pending))
		code = shell_run(sh, pending.text.p);
	sh->depth--;
	free(line);
	pending_reset(&pending);
	return code;
}

static const char *prompt(const struct shell *sh, const struct pending *pending)
{
	if (!is_empty(pending))
		return " ...> ";
	return stoa_session_txn(sh->session) ? "stoa*> " : "stoa> ";
}

static int converse(struct shell *sh)
{
	struct pending pending = { 0 };
	bool was_interrupted;
	char *line;

	printf("stoa %s, %s\n.help lists commands, ; ends a statement, Ctrl-D the shell.\n",
	       stoa_version(), sh->path ? sh->path : "an empty database in memory");
	line_begin(sh);
	while (!sh->quit && (line = line_read(prompt(sh, &pending), &was_interrupted)) != NULL) {
		if (was_interrupted)
			pending_reset(&pending);
		else
			take_line(sh, &pending, line);
		free(line);
	}
	if (!sh->quit)
		fputs("\n", stdout);
	if (stoa_session_txn(sh->session))
		report("the transaction was not committed: it is undone");
	line_end();
	pending_reset(&pending);
	return CLI_OK;
}

int shell_main(const char *path)
{
	struct shell sh = { .path = strcmp(path, ":memory:") == 0 ? NULL : path };
	int code, end;

	sh.interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	sh.options.format = FORMAT_TABLE;
	sh.options.fit = isatty(STDOUT_FILENO);
	sh.options.color = color_on(stdout);
	sh.options.max_rows = sh.options.fit ? MAX_ROWS_ON_TERMINAL : 0;
	code = open_db(&sh, false);
	if (code != CLI_OK)
		return code;
	code = sh.interactive ? converse(&sh) : shell_read(&sh, stdin);
	if (!sh.interactive && code == CLI_OK && sh.session && stoa_session_txn(sh.session)) {
		report("the SQL ends without COMMIT: what it did since BEGIN is undone");
		code = CLI_FAILURE;
	}
	if (sh.out)
		fclose(sh.out);
	free(sh.out_path);
	end = close_db(&sh);
	return code == CLI_OK ? end : code;
}

int shell_restore(const char *path, FILE *sql)
{
	struct shell sh = { .path = path, .restore = restore_new() };
	bool absent = path && is_absent(path);
	int code = open_db(&sh, true), end;

	if (code != CLI_OK) {
		restore_free(sh.restore);
		return code;
	}
	code = shell_read(&sh, sql);
	if (code == CLI_OK && stoa_session_txn(sh.session)) {
		report("the dump is cut off: it ends without COMMIT");
		code = CLI_FAILURE;
	}
	restore_free(sh.restore);
	if (code != CLI_OK && absent) {	/* we made it: nothing is left of it */
		stoa_session_close(sh.session);
		(void)stoa_discard(sh.db, NULL);
		return code;
	}
	end = close_db(&sh);
	return code == CLI_OK ? end : code;
}

static int run(const struct command *self, int argc, char **argv)
{
	int code;

	if (!options_take(self, argc, argv, NULL, 0, 0, 1, "at most one DB is wanted", &code))
		return code;
	return shell_main(argc - optind == 1 ? argv[optind] : ":memory:");
}

const struct command command_shell = {
	"shell", "[DB]", "Open a prompt for SQL statements",
	"'stoa DB' does the same. Without DB there is an empty database in memory. Statements end with\n"
	"a semicolon, a command of the shell with its line: .help lists them. Tab completes SQL's\n"
	"words, tables and slots; Ctrl-C ends a statement, not the shell. If standard input is no\n"
	"terminal, statements are read from it without a prompt, up to the first error.\n\n"
	"The database is open for reading only until a statement writes, so an open prompt is in\n"
	"nobody's way. Long results go through $STOA_PAGER, $PAGER or less; history is kept in\n"
	"$STOA_HISTORY or ~/.stoa_history.\n\n"
	"  -h, --help  this text\n",
	run,
};
