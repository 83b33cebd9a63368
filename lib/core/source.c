/* SPDX-License-Identifier: MIT */
/* source.c - what makers of sources share */
#include "source.h"

#include <stdatomic.h>
#include <string.h>

uint64_t stoa__dict_ids_new(void)
{
	static _Atomic uint64_t ids;

	return (atomic_fetch_add(&ids, 1) + 1) << 16;
}

#define WIDEN(to, from, type)                                             \
	do {                                                              \
		const type *in = (const type *)(from);                    \
		for (size_t i = 0; i < n; i++)                            \
			(to)[i] = in[i];                                  \
	} while (0)

static void uuids_as_bytes(size_t n, const void *from, struct stoa_bytes *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (struct stoa_bytes){ (const char *)from + i * 16, 16 };
}

void stoa__widen(unsigned type, size_t n, const void *from, void *to)
{
	int64_t *i64 = to;
	uint64_t *u64 = to;
	double *f64 = to;

	switch (type) {
	case STOA_BOOL: WIDEN(i64, from, uint8_t); break;
	case STOA_I8: WIDEN(i64, from, int8_t); break;
	case STOA_I16: WIDEN(i64, from, int16_t); break;
	case STOA_I32:
	case STOA_DATE: WIDEN(i64, from, int32_t); break;
	case STOA_U8: WIDEN(u64, from, uint8_t); break;
	case STOA_U16: WIDEN(u64, from, uint16_t); break;
	case STOA_U32: WIDEN(u64, from, uint32_t); break;
	case STOA_F32: WIDEN(f64, from, float); break;
	case STOA_UUID: uuids_as_bytes(n, from, to); break;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB: memcpy(to, from, n * sizeof(struct stoa_bytes)); break;
	default: memcpy(to, from, n * 8); break;
	}
}
