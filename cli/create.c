/* SPDX-License-Identifier: MIT */
/* create.c - stoa create DB: a new database, empty or with one table */
#include "cli.h"
#include "options.h"


static int create_table(struct session *s, const char *name, const struct slot_list *list)
{
	struct stoa_error err;
	stoa_table table;

	if (stoa_table_create(s->txn, name, list->slots, list->n, &table, &err) < 0)
		return report_error(s->path, &err);
	return CLI_OK;
}

static int create(const char *path, const char *table, const struct slot_list *list)
{
	struct session s;
	/* A table may be added later; a database without one must be new. */
	uint32_t flags = table ? 0 : STOA_OPEN_EXCLUSIVE;
	int code = session_begin(&s, path, flags, STOA_WRITE);

	if (code != CLI_OK)
		return code;
	if (table)
		code = create_table(&s, table, list);
	return session_end(&s, code);
}

static int run(const struct command *self, int argc, char **argv)
{
	const char *table = NULL, *schema = NULL;
	const struct option_rule rules[] = {
		OPTION_TEXT("table", 't', &table),
		OPTION_TEXT("schema", 's', &schema),
	};
	struct slot_list list = { 0 };
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
		return code;
	if (!table != !schema)
		return bad_usage(self, "--table and --schema go together");
	if (schema && (code = slots_parse(schema, &list)) != CLI_OK)
		return code;
	code = create(argv[optind], table, &list);
	slots_release(&list);
	return code;
}

const struct command command_create = {
	"create", "DB", "Make a database, or a table in one",
	"Without options DB must not be there yet. With them, DB is made where it is missing and\n"
	"the table is added to it.\n\n"
	"  -t, --table NAME    make a table of this name\n"
	"  -s, --schema SLOTS  its slots: NAME TYPE [NOT NULL] [DEFAULT LITERAL], ...\n"
	"  -h, --help          this text\n\n"
	"Types: bool, i8 i16 i32 i64, u8 u16 u32 u64, f32 f64, decimal(p,s), date, time,\n"
	"timestamp, uuid, string (stored once however often used), text (long or mostly distinct),\n"
	"blob.\n\n"
	"  stoa create shop.stoa -t item -s 'name string not null, price decimal(9,2)'\n",
	run,
};
