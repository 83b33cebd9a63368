/* SPDX-License-Identifier: MIT */
/*
 * shell_test.c - the shell, as a person at a terminal has it
 *
 * The command runs in a pseudo-terminal; the test types, and waits until the screen shows what it
 * should. What the terminal is told (colours, cursor) is taken out of the text first.
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000

struct screen {
	char *dir;
	pid_t pid;
	int fd;
	char text[1 << 18];
	size_t len;
	size_t seen;	/* of it, by earlier expectations */
};

static char stoa[4096];

static void run_stoa(const char *dir, const char *arguments)
{
	char command[8192];

	snprintf(command, sizeof command, "cd '%s' && '%s' %s >/dev/null", dir, stoa, arguments);
	assert_int_equal(system(command), 0);
}

static void child(const char *dir, const char *db)
{
	if (chdir(dir) != 0)
		_exit(1);
	setenv("TERM", "xterm", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("STOA_HISTORY", "history", 1);
	setenv("PAGER", "cat", 1);
	unsetenv("STOA_PAGER");
	execl(stoa, "stoa", db, (char *)NULL);
	_exit(127);
}

static void start(struct screen *s, const char *db)
{
	struct winsize size = { .ws_row = 40, .ws_col = 100 };

	s->len = s->seen = 0;
	s->pid = forkpty(&s->fd, NULL, NULL, &size);
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		child(s->dir, db);
}

static int setup(void **state)
{
	struct screen *s = calloc(1, sizeof *s);
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	FILE *csv;

	assert_non_null(s);
	s->dir = testing_tempdir();
	*state = s;
	if (fd < 0)
		return 0;	/* a container may have no pseudo-terminals */
	close(fd);
	csv = fopen(testing_path(s->dir, "tea.csv"), "w");
	fputs("name,price\ngreen,2.50\nblack,\n", csv);
	fclose(csv);
	run_stoa(s->dir, "import shop.stoa tea.csv");
	start(s, "shop.stoa");
	return 0;
}

static int teardown(void **state)
{
	struct screen *s = *state;

	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
		close(s->fd);
	}
	testing_rmtree(s->dir);
	free(s);
	return 0;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Reads what there is: false at the end. */
static bool read_some(struct screen *s, int wait_ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, wait_ms) <= 0)
		return true;
	assert_true(s->len < sizeof s->text - 4096);
	n = read(s->fd, s->text + s->len, sizeof s->text - s->len - 1);
	if (n <= 0)
		return false;
	s->len += (size_t)n;
	s->text[s->len] = '\0';
	return true;
}

/* The text without escape sequences and carriage returns, from where the last expectation ended. */
static const char *plain(const struct screen *s)
{
	static char out[sizeof s->text];
	size_t n = 0;

	for (size_t i = s->seen; i < s->len; i++) {
		if (s->text[i] == '\033' && s->text[i + 1] == '[') {
			for (i += 2; i < s->len && (s->text[i] < '@' || s->text[i] > '~'); i++)
				;
		} else if (s->text[i] != '\r' && s->text[i] != '\a') {
			out[n++] = s->text[i];
		}
	}
	out[n] = '\0';
	return out;
}

static void expect_in(struct screen *s, const char *words, bool raw)
{
	double end = now_ms() + WAIT_MS;

	while (!strstr(raw ? s->text + s->seen : plain(s), words)) {
		bool open = read_some(s, 50);

		if (!open || now_ms() > end) {
			print_message("wanted: %s\nthere is: %s\n", words, plain(s));
			fail();
		}
	}
}

static void expect(struct screen *s, const char *words)
{
	expect_in(s, words, false);
}

/* All that is on the screen is known: what is expected next comes after it. */
static void forget(struct screen *s)
{
	s->seen = s->len;
}

/*
 * The prompt is there before the line editor takes the terminal over, and until then the terminal
 * itself reads control keys.
 */
static void await_editor(struct screen *s)
{
	double end = now_ms() + WAIT_MS;
	struct termios mode;

	do {
		if (tcgetattr(s->fd, &mode) < 0 || !(mode.c_lflag & ICANON))
			return;
		read_some(s, 5);
	} while (now_ms() < end);
	fail_msg("nobody edits lines");
}

static void type(struct screen *s, const char *keys)
{
	forget(s);
	if (strpbrk(keys, "\x04\t\x10\033"))
		await_editor(s);
	assert_int_equal(write(s->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static int exit_code(struct screen *s)
{
	double end = now_ms() + WAIT_MS;
	int status;

	while (read_some(s, 100))
		if (now_ms() > end)
			fail_msg("the shell does not end; there is: %s", plain(s));
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	s->pid = 0;
	close(s->fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void statements_are_run_when_a_semicolon_ends_them(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, "SELECT name, ';' AS c\n");
	expect(s, " ...> ");
	type(s, "FROM tea -- not here;\n");
	expect(s, " ...> ");
	type(s, "WHERE price > 2; SELECT 'second';\n");
	expect(s, "│ green │ ; │");
	expect(s, "(1 row)");
	expect(s, "second");
	expect(s, "stoa> ");
	type(s, "\x04");
	assert_int_equal(exit_code(s), 0);
}

static void errors_show_their_place_and_the_shell_goes_on(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, "SELECT nmae FROM tea;\n");
	expect(s, "  SELECT nmae FROM tea;\n         ^");
	expect(s, "stoa> ");
	type(s, ".nope\n");
	expect(s, ".help lists them");
	type(s, ".help\n");
	expect(s, ".timer [on|off]");
	type(s, "SELECT 40 + 2;\n");
	expect(s, "42");
}

static void a_write_is_seen_by_others_and_theirs_by_us(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	run_stoa(s->dir, "query shop.stoa \"INSERT INTO tea VALUES ('white', 9)\"");
	type(s, "SELECT count(*) FROM tea;\n");
	expect(s, "3 │");
	type(s, "INSERT INTO tea VALUES ('red', 1), ('blue', 2);\n");
	expect(s, "(2 rows changed)");
	run_stoa(s->dir, "query shop.stoa 'SELECT count(*) FROM tea'");
	type(s, "BEGIN;\n");
	expect(s, "stoa*> ");
	type(s, "DELETE FROM tea;\n");
	expect(s, "(5 rows changed)");
	type(s, "ROLLBACK;\n");
	expect(s, "stoa> ");
	type(s, "SELECT count(*) FROM tea;\n");
	expect(s, "5 │");
}

static void tab_completes_words_tables_slots_commands_and_files(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, "SEL\tnam\tFR\tte\t;\n");
	expect(s, "SELECT name FROM tea");
	expect(s, "│ green │");
	type(s, ".sch\t\n");
	expect(s, "CREATE TABLE tea");
	type(s, ".import te\t again\n");
	expect(s, "again: 2 rows");
}

static void lines_are_remembered_from_one_shell_to_the_next(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, "SELECT 'one';\n");
	expect(s, "│ one");
	expect(s, "stoa> ");
	type(s, "\x10");	/* Ctrl-P: the line before */
	expect(s, "SELECT 'one';");
	type(s, "\n");
	expect(s, "│ one");
	type(s, ".quit\n");
	assert_int_equal(exit_code(s), 0);
	start(s, "shop.stoa");
	expect(s, "stoa> ");
	type(s, "\x10\x10\n");
	expect(s, "│ one");
}

static void control_c_ends_a_line_or_a_query_and_not_the_shell(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, "SELECT 'half\n");
	expect(s, " ...> ");
	type(s, "of it\x03");
	expect(s, "^C\n");
	expect(s, "stoa> ");
	type(s, "CREATE TABLE n (i int); INSERT INTO n VALUES (1), (2), (3), (4), (5), (6), (7), (8);\n");
	expect(s, "(8 rows changed)");
	type(s, "SELECT a.i FROM n a, n b, n c, n d, n e, n f, n g, n h, n i, n j, n k, n l;\n");
	forget(s);
	usleep(200000);
	type(s, "\x03");
	expect(s, "interrupted");
	expect(s, "stoa> ");
	type(s, "SELECT count(*) FROM n a, n b, n c, n d, n e, n f, n g, n h, n i, n j, n k, n l;\n");
	expect(s, "query ");	/* progress, after half a second */
	type(s, "\x03");
	expect(s, "interrupted");
	expect(s, "stoa> ");
	type(s, "SELECT 'still here';\n");
	expect(s, "│ still here");
}

static void formats_times_and_files_are_chosen_with_commands(void **state)
{
	struct screen *s = *state;
	char text[100] = "";

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, ".mode csv\n.timer on\nSELECT * FROM tea;\n");
	expect(s, "green,2.50\nblack,\n");
	expect(s, " s\n");
	type(s, ".output out.csv\nSELECT name FROM tea;\n.output\nSELECT 'all is written';\n");
	expect(s, "\nall is written\n");
	FILE *f = fopen(testing_path(s->dir, "out.csv"), "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof text - 1, f) > 0);
	fclose(f);
	assert_string_equal(text, "name\ngreen\nblack\n");
	type(s, ".dump dump.sql\n.read dump.sql\n");
	expect(s, "tea");	/* is there already */
	type(s, ".schema\n");
	expect(s, "CREATE TABLE tea");
}

static void colours_are_for_terminals_whose_user_wants_them(void **state)
{
	struct screen *s = *state;

	if (!s->pid)
		skip();
	expect(s, "stoa> ");
	type(s, "SELECT name, price FROM tea;\n");
	expect_in(s, "\033[1mname\033[m", true);
	expect_in(s, "\033[2mNULL\033[m", true);
	type(s, ".quit\n");
	assert_int_equal(exit_code(s), 0);
	setenv("NO_COLOR", "1", 1);
	start(s, "shop.stoa");
	unsetenv("NO_COLOR");
	expect(s, "stoa> ");
	type(s, "SELECT name, price FROM tea;\n");
	expect(s, "(2 rows)");
	assert_null(strstr(s->text, "\033[1m"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(statements_are_run_when_a_semicolon_ends_them),
		TEST(errors_show_their_place_and_the_shell_goes_on),
		TEST(a_write_is_seen_by_others_and_theirs_by_us),
		TEST(tab_completes_words_tables_slots_commands_and_files),
		TEST(lines_are_remembered_from_one_shell_to_the_next),
		TEST(control_c_ends_a_line_or_a_query_and_not_the_shell),
		TEST(formats_times_and_files_are_chosen_with_commands),
		TEST(colours_are_for_terminals_whose_user_wants_them),
	};
	const char *top = getenv("top_builddir");

	snprintf(stoa, sizeof stoa, "%s/stoa", top ? top : ".");
	if (stoa[0] != '/') {
		char here[2048];

		assert_non_null(getcwd(here, sizeof here));
		snprintf(stoa, sizeof stoa, "%s/stoa", here);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
