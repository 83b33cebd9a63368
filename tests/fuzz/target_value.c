/* SPDX-License-Identifier: MIT */
/*
 * target_value.c - text as a value of every type; what can be read prints as something that reads
 * the same
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/stoa.h"

static bool same(const struct stoa_value *a, const struct stoa_value *b)
{
	if (a->type != b->type || a->scale != b->scale)
		return false;
	if (a->type == STOA_STRING || a->type == STOA_TEXT)
		return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
	if (a->type == STOA_UUID)
		return !memcmp(a->uuid, b->uuid, sizeof a->uuid);
	if (a->type == STOA_F32 || a->type == STOA_F64)
		return a->f == b->f || (a->f != a->f && b->f != b->f);
	return a->u == b->u;
}

/* The first byte is the scale of decimals. */
static void run(const uint8_t *p, size_t len)
{
	uint8_t scale = len ? p[0] % (STOA_DECIMAL_PRECISION_MAX + 1) : 0;
	const char *text = (const char *)p + (len > 0);
	size_t n = len ? len - 1 : 0;
	char *room = malloc(2 * n + 400);
	struct stoa_value v, again;

	if (!room)
		return;
	for (int type = STOA_BOOL; type <= STOA_TEXT; type++) {
		size_t printed;

		if (stoa_value_parse((enum stoa_type)type, scale, text, n, &v, NULL) < 0)
			continue;
		printed = stoa_value_print(&v, room, 2 * n + 400);
		if (printed >= 2 * n + 400)
			fuzz_die("a value prints as more than twice its text");
		if (stoa_value_parse((enum stoa_type)type, scale, room, printed, &again, NULL) < 0 ||
		    !same(&v, &again))
			fuzz_die("a value does not read back as it was printed");
	}
	free(room);
}

static void seeds(fuzz_seed *each, void *ctx)
{
	static const char *const texts[] = {
		"\002-12345.67", "\0002026-01-31", "\00023:59:59.999999", "\0001.7976931348623157e308",
		"\0002026-01-31 13:45:00.5", "\00018446744073709551615", "\0009007199254740993",
		"\000550e8400-e29b-41d4-a716-446655440000", "\000true", "\000-0.0", "\000nan",
		"\0220.000000000000000001", "\0009999-12-31 23:59:59", "\000-9223372036854775808",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		each(ctx, (const uint8_t *)texts[i], 1 + strlen(texts[i] + 1));
}

const struct fuzz_target fuzz_value = { "value", run, seeds, 200 };
