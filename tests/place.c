/* SPDX-License-Identifier: MIT */
/* place.c - see place.h */
#include "testing.h"

#include "place.h"

#include <string.h>

#include "../lib/core/alloc.h"

int place_set_up(void **state)
{
	static struct place p;

	memset(&p, 0, sizeof p);
	p.path = testing_tempdir();
	assert_int_equal(stoa__dir_open(p.path, &p.dir, &p.err), STOA_OK);
	*state = &p;
	return 0;
}

int place_tear_down(void **state)
{
	struct place *p = *state;

	stoa__file_fault_disarm();
	stoa__fault_disarm();
	stoa__file_watch_with(NULL, NULL);
	stoa__dir_close(&p->dir);
	testing_rmtree(p->path);
	return 0;
}
