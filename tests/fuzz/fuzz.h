/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what is fed any bytes: one target for each thing that reads bytes it did not make
 *
 * A target takes an input and must come back: no crash, no read past an end, no leak, no loop. What
 * it answers is looked at only where an input can show a broken promise (a value that was printed
 * reads back the same, a statement that failed changed nothing).
 *
 *     make check                          replays tests/fuzz/corpus, and thousands of mutations of it
 *     make fuzz TARGET=sql [SECONDS=60]   libFuzzer with ASan and UBSan, by clang; what it finds goes
 *                                         to the corpus with the fix
 *
 * Formats under checksums are fed behind these: what a checksum would keep out is let in here.
 */
#ifndef STOA__FUZZ_H
#define STOA__FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void fuzz_seed(void *ctx, const uint8_t *p, size_t len);

struct fuzz_target {
	const char *name;	/* and folder of its corpus */
	void (*run)(const uint8_t *p, size_t len);
	/* Hands out inputs that are better made than stored; NULL: the corpus is all. */
	void (*seeds)(fuzz_seed *each, void *ctx);
	size_t len_max;		/* of inputs that are worth the time */
};

extern const struct fuzz_target fuzz_sql, fuzz_csv, fuzz_chunk, fuzz_redo, fuzz_catalog, fuzz_value,
	fuzz_arrow, fuzz_json, fuzz_dump, fuzz_packed, fuzz_parts;

/* Ends the program with a message: a promise was broken. */
void fuzz_die(const char *what) __attribute__((noreturn));

/* The bytes as an unnamed file in memory, from its start; the caller closes it. */
int fuzz_file(const uint8_t *p, size_t len);

/* While it is on, what is printed with stdio goes nowhere; a sanitizer is heard all the same. */
void fuzz_mute(bool muted);

#endif
