/* SPDX-License-Identifier: MIT */
/* options.c - see options.h */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* What getopt_long() returns for rule i, beyond all letters; and for --help. */
#define FIRST (UCHAR_MAX + 1)
#define HELP (FIRST + OPTIONS_MAX)

struct form {
	struct option longs[OPTIONS_MAX + 2];
	char letters[2 * OPTIONS_MAX + 3];
};

static bool has_argument(const struct option_rule *r)
{
	return !r->flag && !r->bare;
}

/* The rules as getopt_long() wants them. */
static void form_make(struct form *f, const struct option_rule *rules, size_t n, bool in_order)
{
	char *p = f->letters;

	assert(n <= OPTIONS_MAX);
	if (in_order)
		*p++ = '+';
	for (size_t i = 0; i < n; i++) {
		int has = has_argument(&rules[i]) ? required_argument : no_argument;

		f->longs[i] = (struct option){ rules[i].name, has, NULL, FIRST + (int)i };
		if (rules[i].letter)
			*p++ = rules[i].letter;
		if (rules[i].letter && has == required_argument)
			*p++ = ':';
	}
	f->longs[n] = (struct option){ "help", no_argument, NULL, HELP };
	f->longs[n + 1] = (struct option){ 0 };
	*p++ = 'h';
	*p = '\0';
}

bool parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && !errno && *out >= min && *out <= max;
}

static int refuse(const struct command *self, const struct option_rule *r)
{
	if (r->wants)
		return bad_usage(self, "--%s wants %s, not '%s'", r->name, r->wants, optarg);
	if (r->max == UINT64_MAX)
		return bad_usage(self, "--%s wants a number from %" PRIu64 " on, not '%s'", r->name,
				 r->min, optarg);
	return bad_usage(self, "--%s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'", r->name,
			 r->min, r->max, optarg);
}

static int apply(const struct command *self, const struct option_rule *r)
{
	bool ok = true;

	if (r->flag)
		*r->flag = true;
	else if (r->text)
		*r->text = optarg;
	else if (r->number)
		ok = parse_number(optarg, r->min, r->max, r->number);
	else
		ok = r->take(r->bare ? NULL : optarg, r->to);
	return ok ? CLI_OK : refuse(self, r);
}

static const struct option_rule *find(const struct option_rule *rules, size_t n, int option)
{
	if (option >= FIRST)
		return &rules[option - FIRST];
	for (size_t i = 0; i < n; i++)
		if (rules[i].letter == option)
			return &rules[i];
	return NULL;
}

bool options_take(const struct command *self, int argc, char **argv, const struct option_rule *rules,
		  size_t n, int min, int max, const char *wanted, int *code)
{
	struct form form;
	int option;

	form_make(&form, rules, n, self->in_order);
	*code = CLI_OK;
	while (*code == CLI_OK &&
	       (option = getopt_long(argc, argv, form.letters, form.longs, NULL)) != -1) {
		const struct option_rule *r;

		if (option == HELP || option == 'h') {
			show_help(self);
			return false;
		}
		r = option == '?' ? NULL : find(rules, n, option);
		*code = r ? apply(self, r) : bad_usage(self, NULL);
	}
	if (*code == CLI_OK && (argc - optind < min || argc - optind > max))
		*code = bad_usage(self, "%s", wanted);
	return *code == CLI_OK;
}
