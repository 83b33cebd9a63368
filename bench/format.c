/* SPDX-License-Identifier: MIT */
/* format.c - numbers as people like to read them, on the terminal and in the report */
#include "format.h"

#include <stdio.h>

void bench_format_value(double x, char *out, size_t size)
{
	static const char *const letters[] = { "", " k", " M", " G" };
	int step = 0;

	while (x >= (step ? 999.5 : 9999.5) && step < 3) {
		x /= 1000;
		step++;
	}
	int digits = x < 10 ? 2 : x < 100 ? 1 : 0;
	snprintf(out, size, "%.*f%s", digits, x, letters[step]);
}

void bench_format_ratio(double x, char *out, size_t size)
{
	int digits = x < 1 ? 2 : x < 10 ? 1 : 0;

	if (x < 0.1)
		snprintf(out, size, "%.2gx", x);
	else
		snprintf(out, size, "%.*fx", digits, x);
}
