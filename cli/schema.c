/* SPDX-License-Identifier: MIT */
/* schema.c - stoa schema DB [TABLE]: tables as CREATE TABLE statements */
#include "cli.h"
#include "options.h"


static int show_table(struct session *s, stoa_table table, FILE *out)
{
	struct text t = { 0 };
	int code = text_put_table(&t, s, table);

	if (code == CLI_OK)
		fwrite(t.p, 1, t.len, out);
	text_release(&t);
	return code;
}

static int show_all(struct session *s, FILE *out)
{
	struct stoa_error err;
	stoa_table table = 0;
	int rc, code;

	while ((rc = stoa_table_next(s->txn, table, &table, &err)) == STOA_ROW) {
		code = show_table(s, table, out);
		if (code != CLI_OK)
			return code;
	}
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

int schema_show(struct session *s, const char *name, FILE *out)
{
	stoa_table table;
	int code;

	if (!name)
		return show_all(s, out);
	code = session_table(s, name, &table);
	return code == CLI_OK ? show_table(s, table, out) : code;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct session s;
	int code;

	if (!options_take(self, argc, argv, NULL, 0, 1, 2, "a DB and at most one TABLE are wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
	if (code != CLI_OK)
		return code;
	code = schema_show(&s, argv[optind + 1], stdout);
	return session_end(&s, code);
}

const struct command command_schema = {
	"schema", "DB [TABLE]", "Print tables as CREATE TABLE statements",
	"What stands between the parentheses is what --schema of create and import reads.\n\n"
	"  -h, --help  this text\n",
	run,
};
