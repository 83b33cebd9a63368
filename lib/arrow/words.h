/* SPDX-License-Identifier: MIT */
/*
 * words.h - the strings of a dictionary: each once, one behind the other in memory, numbered as
 * they came
 */
#ifndef STOA__ARROW_WORDS_H
#define STOA__ARROW_WORDS_H

#include "../core/buf.h"
#include "../core/dict.h"

struct stoa__arrow_words {
	struct stoa__dict dict;		/* keys lie in @bytes */
	struct stoa__buf bytes;
};

/* The number of a string, new or old; its bytes are copied. STOA_OK or STOA_ENOMEM. */
int stoa__arrow_words_add(struct stoa__arrow_words *w, const struct stoa_bytes *s, uint32_t *code);
void stoa__arrow_words_release(struct stoa__arrow_words *w);
/*
 * They become an array of utf8, which takes over their memory; none are left. STOA_ENOMEM leaves
 * @out to be released.
 */
struct ArrowArray;
int stoa__arrow_words_array(struct stoa__arrow_words *w, struct ArrowArray *out);

#endif
