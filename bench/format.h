/* SPDX-License-Identifier: MIT */
/* format.h - numbers as people like to read them */
#ifndef BENCH_FORMAT_H
#define BENCH_FORMAT_H

#include <stddef.h>

/* 1234567 as "1.23 M": three digits or four, and a letter for thousands. */
void bench_format_value(double x, char *out, size_t size);
/* 0.123 as "0.12x", 4.56 as "4.6x", 123.4 as "123x". */
void bench_format_ratio(double x, char *out, size_t size);

#endif
