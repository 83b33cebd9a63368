/* SPDX-License-Identifier: MIT */
/*
 * main.c - stoa SUBCOMMAND DB ...: finds the subcommand and hands over
 *
 * Signals. SIGPIPE keeps its default, so that `stoa query ... | head` ends quietly. SIGXFSZ is
 * ignored: a file-size limit then fails a write like a full disk. SIGBUS is what the kernel sends
 * when a mapped file is shorter than it was or its disk cannot be read; nobody can go on from
 * there, so it becomes a sentence and the exit code of damage.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
	&command_create, &command_import, &command_query,  &command_export, &command_tables,
	&command_schema, &command_stat,	  &command_check,  &command_gc,
	&command_freeze, &command_drop,   &command_refs,
	&command_dump,	 &command_restore, &command_backup, &command_recover, &command_shell,
	&command_plot,
	&command_set,
	&command_queue,
	&command_trace,
	&command_blob,
	&command_bench,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void show_commands(FILE *out)
{
	fputs("Usage: stoa SUBCOMMAND DB ...\n"
	      "       stoa DB                     Open a prompt\n\n"
	      "An embeddable columnar record store. DB is a directory, by custom NAME.stoa.\n\n",
	      out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s %-22s %s\n", commands[i]->name, commands[i]->arguments,
			commands[i]->summary);
	fputs("  help     [SUBCOMMAND]           Explain a subcommand, as SUBCOMMAND --help does\n"
	      "  version                         Print the version\n\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 damage found, 4 database in use.\n",
	      out);
}

static bool is_help(const char *s)
{
	return strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		show_commands(stdout);
		return CLI_OK;
	}
	if (is_help(argv[1])) {
		puts("Usage: stoa help [SUBCOMMAND]\n\n"
		     "Explain a subcommand, as SUBCOMMAND --help does; without one, list them.");
		return CLI_OK;
	}
	c = find_command(argv[1]);
	if (c)
		return show_help(c);
	report("no subcommand %s: 'stoa help' lists them", argv[1]);
	return CLI_USAGE;
}

static int version(void)
{
	printf("stoa %s\n", stoa_version());
	return CLI_OK;
}

static void on_bus_error(int signal_number)
{
	static const char text[] = "stoa: a file of the database was cut short or cannot be read; "
				   "'stoa check DB' names it\n";

	(void)signal_number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(CLI_DAMAGE);
	_exit(CLI_DAMAGE);
}

static int dispatch(int argc, char **argv)
{
	const struct command *c;
	char title[64];

	if (argc < 2) {
		show_commands(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || is_help(argv[1]))
		return help(argc - 1, argv + 1);
	if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)
		return version();
	c = find_command(argv[1]);
	if (!c && argc == 2 && names_database(argv[1]))
		return shell_main(argv[1]);
	if (!c) {
		report("no subcommand %s: 'stoa help' lists them", argv[1]);
		return CLI_USAGE;
	}
	/* getopt_long() puts argv[0] before its messages. */
	snprintf(title, sizeof(title), "stoa %s", c->name);
	argv[1] = title;
	return c->run(c, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code;

	signal(SIGXFSZ, SIG_IGN);
	signal(SIGBUS, on_bus_error);
	width_init();
	code = dispatch(argc, argv);
	/* Results that could not be written were not given. */
	if (fflush(stdout) != 0 && code == CLI_OK) {
		report("cannot write to standard output");
		code = CLI_FAILURE;
	}
	return code;
}
