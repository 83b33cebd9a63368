/* SPDX-License-Identifier: MIT */
/*
 * cli.h - what the subcommands share
 *
 * A subcommand is a file with one struct command; main.c lists them. It parses its own options with
 * getopt_long(), does its work through stoa.h alone, prints results on stdout and everything else
 * on stderr, and returns an exit code.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/stoa.h"

/* Exit codes, as the manual page promises them. */
enum {
	CLI_OK = 0,
	CLI_FAILURE = 1,	/* anything that no other code names */
	CLI_USAGE = 2,		/* the command line makes no sense */
	CLI_DAMAGE = 3,		/* stored bytes are not what was stored */
	CLI_BUSY = 4,		/* another process is writing to the database */
	CLI_INTERRUPTED = 130,	/* Ctrl-C; as a shell reports it */
};

struct command {
	const char *name;
	const char *arguments;	/* "DB FILE..." */
	const char *summary;	/* one line, without a full stop */
	const char *details;	/* the rest of --help */
	int (*run)(const struct command *self, int argc, char **argv);
	bool in_order;		/* options end at the first argument: values may look like them */
};

extern const struct command command_backup;
extern const struct command command_create;
extern const struct command command_import;
extern const struct command command_query;
extern const struct command command_export;
extern const struct command command_tables;
extern const struct command command_refs;
extern const struct command command_schema;
extern const struct command command_stat;
extern const struct command command_trace;
extern const struct command command_check;
extern const struct command command_freeze;
extern const struct command command_gc;
extern const struct command command_drop;
extern const struct command command_shell;
extern const struct command command_dump;
extern const struct command command_restore;
extern const struct command command_recover;
extern const struct command command_plot;
extern const struct command command_set;
extern const struct command command_queue;
extern const struct command command_blob;
extern const struct command command_bench;

/* ---- check.c ---- */

/*
 * An exit code: that of @work, done in a process of its own, or of damage if it dies of what it
 * meets in @path.
 */
int run_in_child(const char *path, int (*work)(const void *ctx), const void *ctx);

/* ---- report.c: words for people ---- */

/* "stoa: ..." on stderr. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Reports an error of the library; @where (a file, or NULL) stands before line and column. */
int report_error(const char *where, const struct stoa_error *err);
/* The same for SQL: shows the line with a caret below the place. */
int report_sql_error(const char *sql, const struct stoa_error *err);
/* The exit code that goes with a result of the library. */
int exit_code_of(int result);
/* --help of a subcommand, on stdout; returns CLI_OK. */
int show_help(const struct command *self);
/* Reports a misuse, unless @format is NULL and getopt has, and points at --help; CLI_USAGE. */
int bad_usage(const struct command *self, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- session.c: a database and a transaction, opened and ended with reports ---- */

struct session {
	const char *path;
	stoa_db *db;
	stoa_txn *txn;
	bool created;	/* opening made the database: if what follows fails, it goes again */
};

/* A directory, or what looks like the name of one: then that it is missing is the complaint. */
bool names_database(const char *s);
/* Is there nothing of this name? */
bool is_absent(const char *path);
/* Opens the database with STOA_OPEN_* flags, begins a transaction; CLI_OK or an exit code. */
int session_begin(struct session *s, const char *path, uint32_t open_flags, unsigned txn_flags);
/* The same to read a database that is there. */
int session_read(struct session *s, const char *path);
/* As session_begin(), but waits while another process is writing. */
int session_begin_waiting(struct session *s, const char *path, uint32_t open_flags,
			  unsigned txn_flags);
/*
 * Ends both; commits if @code is CLI_OK, or else leaves nothing behind. Returns @code, or what went
 * wrong now.
 */
int session_end(struct session *s, int code);
/* Finds a table by name, reporting its absence. */
int session_table(struct session *s, const char *name, stoa_table *out);

/* ---- export.c: a file that takes its name once it is whole ---- */

struct target {
	const char *path;	/* NULL: stdout */
	char *part;		/* its name while it is written; NULL for a pipe or device */
	FILE *out;
};
/* CLI_OK, or an exit code when it has reported why not; no @path means stdout. */
int target_open(struct target *t, const char *path);
/* Ends it, and puts it in its place if @code is CLI_OK. Returns @code, or what went wrong now. */
int target_close(struct target *t, int code);

/* ---- memory.c: for a command, to be out of memory is the end ---- */

void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);

/* A growable text. */
struct text {
	char *p;
	size_t len;
	size_t cap;
};
void text_put(struct text *t, const char *s, size_t len);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_release(struct text *t);
/* Adds a number of bytes for people: "12 B", "1.5 kB", "-3.0 MB". */
void text_put_bytes(struct text *t, int64_t bytes);

/* ---- writer.c and a file per format: rows as text ---- */

enum format {
	FORMAT_TABLE,
	FORMAT_CSV,
	FORMAT_TSV,
	FORMAT_JSONL,
	FORMAT_JSON,
	FORMAT_MARKDOWN,
	FORMAT_HTML,
	FORMAT_INSERT,
	FORMAT_VERTICAL,
	FORMAT_ARROW,		/* an IPC file; this one and the next are no text */
	FORMAT_ARROWS,		/* an IPC stream */
};

struct writer;
struct writer_options {
	enum format format;
	bool no_header;		/* csv, tsv */
	char delimiter;		/* csv: 0 for a comma */
	const char *null_text;	/* csv, tsv: NULL for the empty field */
	const char *table;	/* insert: into this one; NULL for "t" */
	int codec;		/* arrow, arrows: enum stoa_arrow_codec */
	bool base64;		/* blobs so; otherwise \x and hexadecimal digits. Not insert */
	bool fit;		/* table: cut cells to the terminal's width */
	bool color;		/* table: names bold, NULL faint */
	uint64_t max_rows;	/* table: show so many; 0 shows all */
};
const char *format_name(enum format format);
/* False if there is no format of that name. */
bool format_of(const char *name, enum format *out);
#define FORMAT_NAMES                                                                               \
	"table, csv, tsv, jsonl, json, markdown, html, insert, vertical, arrow or arrows"
/* What --help says of the options below. */
#define WRITER_OPTIONS_HELP                                                                        \
	"      --no-header      csv and tsv: leave the line of names out\n"                        \
	"      --null TEXT      csv and tsv: write NULL so; otherwise as an empty field\n"         \
	"  -d, --delimiter C    csv: the character between fields, or tab; otherwise a comma\n"        \
	"      --blobs HOW      hex (\\x and digits) or base64; otherwise hex\n"                      \
	"      --compress HOW   arrow and arrows: zstd, lz4 or none; otherwise none\n"
/* STOA_BLOBS_* of hex or base64; -1 for any other word. */
int parse_blobs(const char *s);
struct writer *writer_new(FILE *out, const struct writer_options *options,
			  const struct stoa_column *columns, size_t n_columns);
void writer_row(struct writer *w, const struct stoa_value *values);
/* Finishes, flushes and frees: CLI_OK, or CLI_FAILURE with the reason reported. */
int writer_finish(struct writer *w);
/* Frees; what was written stays. */
void writer_discard(struct writer *w);
/*
 * Writes a cursor's rows to the end and closes it. @sql is for messages and may be NULL; so may @p,
 * else progress is shown and Ctrl-C ends the work.
 */
struct progress;
int write_cursor(struct writer *w, stoa_cursor *cur, const char *sql, struct progress *p);
/* Adds a value as stoa_value_print() writes it; NULL adds nothing. */
void text_put_value(struct text *t, const struct stoa_value *v);
bool is_number(unsigned type);
/* Adds a JSON string, quotes included; what is not UTF-8 in it becomes U+FFFD. */
void text_put_json(struct text *t, const char *s, size_t len);

/* ---- width.c: how wide text is on a terminal ---- */

/* Prepares LC_CTYPE; call first. */
void width_init(void);
/* Does the user's terminal take UTF-8? */
bool width_is_utf8(void);
/*
 * Decodes the character at @s (@len > 0) and returns its length, or 0 when the bytes are none: too
 * short, overlong, a surrogate or past the last one.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *out);
/* Columns that @len bytes of UTF-8 take. */
size_t display_width(const char *s, size_t len);
/* The bytes of the longest prefix that takes at most @width columns. */
size_t display_prefix(const char *s, size_t len, size_t width);
/* Adds text so that it takes one line: control characters and bad bytes as escapes. */
void text_put_visible(struct text *t, const char *s, size_t len);
/* Columns of the terminal that @f is; 0 if it is none. */
size_t terminal_width(FILE *f);
/* Is @f a terminal that takes colours, and does the user want any? (NO_COLOR, TERM) */
bool color_on(FILE *f);

/* ---- progress.c: one line on a terminal, for what takes longer than half a second ---- */

struct progress {
	const char *label;
	bool on;		/* stderr is a terminal */
	bool until_rows;	/* rows are progress enough: the line goes before the first one */
	bool shown;
	double began;
	double last;		/* seconds, when drawn */
	uint64_t total_rows;	/* 0: unknown */
};
void progress_init(struct progress *p, const char *label);
/* @part of 1, or negative where it is unknown. */
void progress_show(struct progress *p, double part, uint64_t rows, uint64_t bytes, double seconds);
/* Wipes the line. */
void progress_end(struct progress *p);
/* Set once by Ctrl-C, when interrupt_init() was called; a second Ctrl-C kills. */
void interrupt_init(void);
/* For the shell: sets that from a handler of its own, and takes it back. */
void interrupt_note(void);
void interrupt_reset(void);
bool interrupted(void);
double seconds_now(void);

/* ---- unpack.c: a file to import, as UTF-8 that can be read twice ---- */

struct input {
	const char *name;	/* for messages */
	const char *path;	/* to open it by, as long as it is open */
	int fd;
	char place[32];
};
/*
 * "-" is standard input; @encoding is a name for iconv, NULL for UTF-8, or UTF-16 with its mark.
 * CLI_OK, or an exit code when it has reported why not.
 */
int input_open(struct input *in, const char *path, const char *encoding);
void input_close(struct input *in);

/* ---- json.c: JSON into a table ---- */

/*
 * Appends the objects of @in to table @name, made if it is missing; what failed is reported. Of
 * @options, which rows are unique and what happens to others counts.
 */
int import_json(struct session *s, const char *name, const struct input *in,
		const struct stoa_csv_options *options, struct progress *p, uint64_t *rows);

/* ---- import_arrow.c: Arrow files into a table ---- */

/* Is it an Arrow file or stream? By its first bytes. */
bool is_arrow(const struct input *in);
/* As import_json(). */
int import_arrow(struct session *s, const char *name, const struct input *in,
		 const struct stoa_csv_options *options, struct progress *p, uint64_t *rows);

/* ---- slots.c: "name type [not null] [default literal], ..." ---- */

struct slot_list {
	struct stoa_slot *slots;
	size_t n;
	char *copy;		/* names and defaults borrow from here */
};
/* Parses; on failure reports and returns CLI_USAGE. */
int slots_parse(const char *text, struct slot_list *out);
void slots_release(struct slot_list *list);
/* Adds a CREATE TABLE statement, ending in ";\n"; an exit code, with what failed reported. */
int text_put_table(struct text *t, struct session *s, stoa_table table);
/*
 * Its parts: CREATE TABLE with the first @n_slots slots and, if so wanted, its keys; then what
 * indexes that leaves.
 */
int text_put_create(struct text *t, struct session *s, stoa_table table, size_t n_slots, bool keys);
int text_put_indexes(struct text *t, struct session *s, stoa_table table, bool keys);
void text_put_slot(struct text *t, struct session *s, const struct stoa_slot *slot);
/* Between single quotes, as restore reads it. */
void text_put_quoted(struct text *t, const char *s);
/* Words that SQL would not take for a name: the @i-th, or NULL. */
const char *sql_keyword(size_t i);
/* Adds a value as SQL writes it; in writer_insert.c. */
void text_put_literal(struct text *t, const struct stoa_value *v);
/* Adds a name, quoted where SQL needs it. */
void text_put_name(struct text *t, const char *name);

/* ---- subcommands that the shell has, too: exit codes, with what failed reported ---- */

int tables_list(struct session *s, FILE *out, const struct writer_options *options);
/* The rows that refer to row @rowid, as text, of table @table. */
int refs_list(struct session *s, const char *table, const char *rowid, FILE *out,
	      const struct writer_options *options);
/* @table may be NULL for all. */
int schema_show(struct session *s, const char *table, FILE *out);
/* One file, with all options as they are; @table may be NULL for the file's name. */
int import_one(struct session *s, const char *path, const char *table);
/* Into @path, or to @out if that is NULL. */
int dump_to(struct session *s, const char *path, FILE *out);
/* @kind NULL: by the columns; @path NULL: text on stdout; @title may be NULL. */
int plot_query(struct session *s, const char *sql, const char *kind, const char *path,
	       const char *title);
/* Brings @to up to date with database @path; STOA_BACKUP_ flags. */
int backup_make(const char *path, const char *to, uint32_t flags, bool quiet);
int shell_main(const char *path);
/* Makes database @path and runs a script in it. */
int shell_restore(const char *path, FILE *sql);

#endif
