/* SPDX-License-Identifier: MIT */
/*
 * shell.h - what the files of the shell share
 *
 *     shell.c           the loop: lines to statements, statements to results
 *     shell_commands.c  .help, .tables and the like
 *     shell_line.c      a line from a terminal: editing, history, completion, Ctrl-C
 *     pager.c           long results, a screen at a time
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "cli.h"

struct shell {
	const char *path;	/* NULL: in memory */
	stoa_db *db;
	stoa_session *session;
	bool writing;		/* the database is open for writing */
	bool interactive;	/* a person is there: prompt, colours, counts */
	bool timer;
	bool quit;
	struct writer_options options;
	FILE *out;		/* of .output; NULL: stdout, through the pager on a terminal */
	char *out_path;
	int depth;		/* of .read */
	struct restore *restore;	/* a new database, and no commands; NULL: a shell */
};

/* Runs all statements of a text; the first error is reported and ends it. An exit code. */
int shell_run(struct shell *sh, const char *sql);
/* Runs a line that begins with a dot. An exit code. */
int shell_command(struct shell *sh, const char *line);
/* Reads statements and commands to the end of a file; stops at the first error. */
int shell_read(struct shell *sh, FILE *in);
/*
 * Opens the database for writing, if it is not: CLI_OK, or an exit code, with the old state kept.
 */
int shell_open_writing(struct shell *sh);
/*
 * A session for the subcommands' functions: the transaction that is open, or one of its own, which
 * shell_end() commits if @code is CLI_OK. Returns an exit code; shell_end() also what went wrong.
 */
int shell_begin(struct shell *sh, struct session *s, unsigned flags);
int shell_end(struct shell *sh, struct session *s, int code);

/* Names of dot commands, for completion: the @i-th, with its dot, or NULL. */
const char *shell_command_name(size_t i);

/* ---- shell_line.c ---- */

void line_begin(struct shell *sh);
/*
 * A line, without its newline, for the caller to free; NULL at the end of input. *@interrupted:
 * Ctrl-C was pressed, and the line is empty.
 */
char *line_read(const char *prompt, bool *was_interrupted);
/* Remembers a statement. */
void line_remember(const char *text);
void line_end(void);

/* ---- pager.c ---- */

/* Where a result goes: the pager if stdout is a terminal and there is one; else stdout. */
FILE *pager_open(void);
void pager_close(FILE *out);

#endif
