/* SPDX-License-Identifier: MIT */
/* version_test.c - configure, header, library and its parts agree on the version */
#include "testing.h"

#include <config.h>
#include <stdio.h>

#include "../lib/stoa.h"

static void library_and_header_are_of_one_version(void **state)
{
	(void)state;
	assert_string_equal(stoa_version(), STOA_VERSION_STRING);
}

static void configure_and_header_are_of_one_version(void **state)
{
	(void)state;
	assert_string_equal(PACKAGE_VERSION, STOA_VERSION_STRING);
}

static void version_string_is_made_of_its_parts(void **state)
{
	char s[32];

	(void)state;
	snprintf(s, sizeof(s), "%d.%d.%d", STOA_VERSION_MAJOR, STOA_VERSION_MINOR,
		 STOA_VERSION_PATCH);
	assert_string_equal(s, STOA_VERSION_STRING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_and_header_are_of_one_version),
		cmocka_unit_test(configure_and_header_are_of_one_version),
		cmocka_unit_test(version_string_is_made_of_its_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
