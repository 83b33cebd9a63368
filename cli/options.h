/* SPDX-License-Identifier: MIT */
/*
 * options.h - the options of a subcommand as a table, read by getopt_long()
 *
 *     const struct option_rule rules[] = {
 *             OPTION_FLAG("quiet", 'q', &quiet),
 *             OPTION_TEXT("output", 'o', &path),
 *             OPTION_NUMBER("threads", 'j', &threads, 1, 1024),
 *             OPTION_TAKE("delimiter", 'd', take_delimiter, &delimiter, "one character, or tab"),
 *     };
 *
 *     if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
 *             return code;
 *     return work(argv[optind]);
 *
 * --help is every subcommand's. An argument that is refused is reported as "--NAME wants ..., not
 * 'ARGUMENT'". A letter of '\0' leaves an option without a short form.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"

/* What becomes of an option: exactly one of @flag, @text, @number and @take is set. */
struct option_rule {
	const char *name;
	char letter;
	bool *flag;		/* raised */
	const char **text;	/* its argument */
	uint64_t *number;	/* its argument, from @min to @max */
	uint64_t min, max;
	bool (*take)(char *arg, void *to);	/* false: not what it @wants */
	void *to;
	bool bare;		/* @take has no argument, and gets NULL */
	const char *wants;
};

#define OPTION_FLAG(n, l, p) { .name = (n), .letter = (l), .flag = (p) }
#define OPTION_TEXT(n, l, p) { .name = (n), .letter = (l), .text = (p) }
#define OPTION_NUMBER(n, l, p, from, to_) \
	{ .name = (n), .letter = (l), .number = (p), .min = (from), .max = (to_) }
#define OPTION_TAKE(n, l, f, p, words) \
	{ .name = (n), .letter = (l), .take = (f), .to = (p), .wants = (words) }
#define OPTION_CALL(n, l, f, p) { .name = (n), .letter = (l), .take = (f), .to = (p), .bare = true }

#define OPTIONS_MAX 32
#define ARGUMENTS_MAX INT_MAX

/*
 * Takes the options of the command line by the table of @n rules, which may be NULL, and checks
 * that @min to @max arguments are left, from argv[optind] on; @wanted says what must be there.
 * False: that was all, with *@code to return.
 */
bool options_take(const struct command *self, int argc, char **argv, const struct option_rule *rules,
		  size_t n, int min, int max, const char *wanted, int *code);
#define OPTIONS(self, argc, argv, rules, min, max, wanted, code) \
	options_take(self, argc, argv, rules, sizeof(rules) / sizeof((rules)[0]), min, max, wanted, code)

/* A decimal number from @min to @max and nothing else. */
bool parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* The options of writers, for the struct writer_options at @o. */
#define WRITER_RULES(o)                                                                            \
	OPTION_TAKE("format", 'f', take_format, (o), FORMAT_NAMES),                                \
		OPTION_FLAG("no-header", 0, &(o)->no_header),                                      \
		OPTION_TAKE("null", 0, take_null, (o), "a text without quotes and newlines"),      \
		OPTION_TAKE("delimiter", 'd', take_delimiter, &(o)->delimiter,                     \
			    "one character, or tab"),                                              \
		OPTION_TAKE("compress", 0, take_codec, (o), "zstd, lz4 or none"),                  \
		OPTION_TAKE("blobs", 0, take_blobs, (o), "hex or base64")
bool take_format(char *arg, void *options);
bool take_null(char *arg, void *options);
bool take_codec(char *arg, void *options);
bool take_blobs(char *arg, void *options);
/* One ASCII character, "tab" or "\\t" into the char at @to. */
bool take_delimiter(char *arg, void *to);

#endif
