/* SPDX-License-Identifier: MIT */
/*
 * type.h - what the types have in common: widths, families, conversion, text
 */
#ifndef STOA__TYPE_H
#define STOA__TYPE_H

#include "../stoa.h"

/* The families that code tells apart; every enum stoa_type but STOA_NULL has one. */
enum stoa__family {
	STOA__INT,	/* bool, i8..i64, decimal, date, time, timestamp: fits int64_t */
	STOA__UINT,	/* u8..u64, references: fits uint64_t */
	STOA__FLOAT,	/* f32, f64 */
	STOA__UUID,
	STOA__BYTES,	/* string, text, blob */
};

bool stoa__type_valid(unsigned type);		/* a slot may have it */
static inline bool stoa__type_is_ref(unsigned type)
{
	return type == STOA_REF || type == STOA_WEAK_REF;
}
enum stoa__family stoa__type_family(unsigned type);
/* Bytes of an element of a struct stoa_array: 1, 2, 4, 8 or 16. */
size_t stoa__type_width(unsigned type);
/* Smallest and largest value of a STOA__INT type; for decimal, of its precision. */
void stoa__type_range(unsigned type, unsigned precision, int64_t *min, int64_t *max);

/*
 * The type as SQL writes it, "decimal(12,2)"; as snprintf: returns the bytes that all of it needs.
 */
size_t stoa__type_print(const struct stoa_slot *slot, char *buf, size_t size);

/*
 * stoa__convert() - make a value fit a slot, where nothing is lost by it
 * @slot: type, precision, scale, flags and name of the slot; STOA_TYPE_DEFAULT takes its default
 * @out:  the value as the slot stores it; bytes still borrow what @in borrows
 *
 * Integer to any number type that holds it, exactly; decimal to another scale, or to an integer, if
 * no digit is lost; f32 to f64; integer to f64 and f32 when exact, decimal when its digits come
 * back from the float (up to 15, or 6 for f32); f64 to f32 when exact; string, text and blob to
 * each other, the first two checked to be UTF-8; bool only to bool; a reference
 * from and to integers, never 0. Dates (years 1 to 9999), times
 * and timestamps are checked for range. NULL is refused for a not-null slot. Returns STOA_OK,
 * STOA_ETYPE, STOA_ERANGE, STOA_ENULL, or STOA_EINVAL for bytes that are no UTF-8, with the slot's
 * name in the text; @out is left alone then.
 */
int stoa__convert(const struct stoa_slot *slot, const struct stoa_value *in, struct stoa_value *out,
		  struct stoa_error *err);

bool stoa__utf8_valid(const char *p, size_t len);
/* Equal without regard to ASCII case? */
bool stoa__name_equal(const char *a, const char *b);

/* Days since 1970-01-01 of a proleptic Gregorian date and back (Hinnant's algorithms). */
int32_t stoa__days_from_civil(int64_t year, unsigned month, unsigned day);
void stoa__civil_from_days(int32_t days, int64_t *year, unsigned *month, unsigned *day);

/* Element @i of an array of @type as a value (bytes borrow), and a value into element @i. */
struct stoa_value stoa__array_value(const struct stoa_array *a, size_t i);
void stoa__element_put(unsigned type, void *values, size_t i, const struct stoa_value *v);
/* -1, 0, 1; both of one type, neither NULL. NaN sorts above all numbers and equals itself. */
int stoa__value_compare(const struct stoa_value *a, const struct stoa_value *b);

#endif
