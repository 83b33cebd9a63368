/* SPDX-License-Identifier: MIT */
/*
 * shell_line.c - a line from a terminal: editing, history, completion, Ctrl-C
 *
 * libedit does the editing, by the interface that it shares with readline. History is kept in
 * $STOA_HISTORY or ~/.stoa_history. Tab completes dot commands, SQL's words, tables and slots, and
 * after .import, .read and .output file names.
 *
 * Ctrl-C at the prompt throws the line away: libedit puts the terminal in order and hands the
 * signal on to our handler, which jumps out of readline(). While a statement runs the same signal
 * only sets the flag that interrupted() reads.
 */
#include "shell.h"

#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <editline/readline.h>

#define HISTORY_MAX 1000

static struct shell *shell;
static sigjmp_buf at_prompt;
static volatile sig_atomic_t prompting;

/* ---- completion ------------------------------------------------------------------------- */

/* What may stand here, gathered when Tab is pressed, then handed out one by one. */
static struct {
	char **words;
	size_t n, cap;
	size_t next;
} found;

static void offer(const char *word, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncasecmp(word, prefix, len) != 0)
		return;
	for (size_t i = 0; i < found.n; i++)
		if (strcmp(found.words[i], word) == 0)
			return;
	if (found.n == found.cap) {
		found.cap = found.cap ? 2 * found.cap : 64;
		found.words = xrealloc(found.words, found.cap * sizeof(*found.words));
	}
	found.words[found.n++] = xstrdup(word);
}

/* SQL's words in the case in which the user began this one. */
static void offer_keywords(const char *prefix)
{
	bool lower = islower((unsigned char)prefix[0]) != 0;
	const char *word;

	for (size_t i = 0; (word = sql_keyword(i)) != NULL; i++) {
		char cased[32];
		size_t n = 0;

		for (; word[n] && n < sizeof(cased) - 1; n++)
			cased[n] = (char)(lower ? word[n] : toupper((unsigned char)word[n]));
		cased[n] = '\0';
		offer(cased, prefix);
	}
}

static void offer_names(const char *prefix)
{
	struct stoa_table_info info;
	struct stoa_error err;
	stoa_table table = 0;
	struct session s;

	if (shell_begin(shell, &s, STOA_READ) != CLI_OK)
		return;
	while (stoa_table_next(s.txn, table, &table, &err) == STOA_ROW) {
		if (stoa_table_info(s.txn, table, &info, &err) < 0)
			break;
		offer(info.name, prefix);
		for (size_t i = 0; i < info.n_slots; i++)
			offer(info.slots[i].name, prefix);
	}
	shell_end(shell, &s, CLI_OK);
}

static void gather(const char *prefix, bool command)
{
	const char *word;

	for (size_t i = 0; i < found.n; i++)
		free(found.words[i]);
	found.n = found.next = 0;
	if (command) {
		for (size_t i = 0; (word = shell_command_name(i)) != NULL; i++)
			offer(word, prefix);
		return;
	}
	offer_names(prefix);
	offer_keywords(prefix);
}

/* libedit frees what it is given. */
static char *next_word(const char *prefix, int state)
{
	if (state == 0)
		gather(prefix, prefix[0] == '.');
	return found.next < found.n ? xstrdup(found.words[found.next++]) : NULL;
}

static bool wants_file(void)
{
	static const char *const commands[] = { ".import ", ".read ", ".output ", ".dump " };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strncmp(rl_line_buffer, commands[i], strlen(commands[i])) == 0)
			return true;
	return false;
}

static char **complete(const char *text, int start, int end)
{
	(void)start;
	(void)end;
	rl_attempted_completion_over = !wants_file();
	return wants_file() ? NULL : rl_completion_matches(text, next_word);
}

/* ---- history ---------------------------------------------------------------------------- */

static char *history_path(void)
{
	const char *path = getenv("STOA_HISTORY"), *home = getenv("HOME");
	struct text t = { 0 };

	if (path)
		return *path ? xstrdup(path) : NULL;
	if (!home)
		return NULL;
	text_printf(&t, "%s/.stoa_history", home);
	return t.p;
}

void line_remember(const char *text)
{
	struct text t = { 0 };

	/* One line a statement; a comment to the end of a line would swallow the rest. */
	text_puts(&t, text);
	if (!strstr(text, "--"))
		for (size_t i = 0; i < t.len; i++)
			if (t.p[i] == '\n')
				t.p[i] = ' ';
	while (t.len > 0 && isspace((unsigned char)t.p[t.len - 1]))
		t.p[--t.len] = '\0';
	if (t.len > 0)
		add_history(t.p);
	text_release(&t);
}

/* ---- lines ------------------------------------------------------------------------------ */

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	if (prompting)
		siglongjmp(at_prompt, 1);
	interrupt_note();
}

void line_begin(struct shell *sh)
{
	struct sigaction action;
	char *path = history_path();

	shell = sh;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_interrupt;
	sigaction(SIGINT, &action, NULL);
	rl_readline_name = "stoa";
	rl_attempted_completion_function = complete;
	rl_basic_word_break_characters = " \t\n\"'`@$><=;|&{(,)+-*/%";
	rl_completer_word_break_characters = (char *)rl_basic_word_break_characters;
	using_history();
	stifle_history(HISTORY_MAX);
	if (path)
		read_history(path);
	free(path);
}

void line_end(void)
{
	char *path = history_path();

	/* Statements may hold what others are not to see. */
	if (path && write_history(path) == 0)
		chmod(path, 0600);
	free(path);
	gather("", true);
	for (size_t i = 0; i < found.n; i++)
		free(found.words[i]);
	free(found.words);
	memset(&found, 0, sizeof(found));
}

char *line_read(const char *prompt, bool *was_interrupted)
{
	char *line;

	*was_interrupted = false;
	if (sigsetjmp(at_prompt, 1) != 0) {
		prompting = 0;
		fputs("^C\n", stdout);
		fflush(stdout);
		*was_interrupted = true;
		return xstrdup("");
	}
	prompting = 1;
	line = readline(prompt);
	prompting = 0;
	return line;
}
