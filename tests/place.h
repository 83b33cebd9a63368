/* SPDX-License-Identifier: MIT */
/*
 * place.h - a directory of a test's own, open, for what storage/ keeps in one
 */
#ifndef STOA__TESTS_PLACE_H
#define STOA__TESTS_PLACE_H

#include "../storage/file.h"

struct place {
	char *path;
	struct stoa__dir dir;
	struct stoa_error err;
};

/* cmocka's setup and teardown, which disarms all faults: *@state is a struct place. */
int place_set_up(void **state);
int place_tear_down(void **state);

#endif
