/* SPDX-License-Identifier: MIT */
/*
 * letters.h - upper and lower case of UTF-8
 *
 * A character becomes one other, by the simple mappings of Unicode (utf8proc's tables; of ß it makes
 * ẞ, not SS). No locale has a say: what was computed on one machine is found on another. A byte
 * that is no UTF-8 is a character that stays as it is.
 */
#ifndef STOA__LETTERS_H
#define STOA__LETTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/stoa.h"

enum stoa__letters {
	STOA__LOWER,
	STOA__UPPER,
	STOA__INITIALS,		/* upper where a word of letters and digits begins, else lower */
};

/*
 * Writes @s in that case to @out, or nowhere if that is NULL; the number of bytes, which may be
 * other than those of @s.
 */
size_t stoa__letters(struct stoa_bytes s, enum stoa__letters as, char *out);

/*
 * Are the characters at @a and @b, which end before @a_end and @b_end, the same but for their case?
 * Their bytes are then in *@a_len and *@b_len.
 */
bool stoa__letters_same(const char *a, const char *a_end, const char *b, const char *b_end,
			size_t *a_len, size_t *b_len);

#endif
