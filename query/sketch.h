/* SPDX-License-Identifier: MIT */
/*
 * sketch.h - about how many distinct hashes there were: approx_count_distinct()
 *
 * The registers and the sparse form of HyperLogLog++ (Heule, Nunkesser, Hall: HyperLogLog in
 * practice, EDBT 2013), estimated as in Ertl: New cardinality estimation algorithms for HyperLogLog
 * sketches, arXiv 1702.01284, 2017, which needs no tables of biases. 2^14 registers: a standard
 * error of 0.8%; up to some thousand distinct values it is nearly exact. 16 KiB at most, 16 bytes
 * a value while there are few.
 */
#ifndef STOA__SKETCH_H
#define STOA__SKETCH_H

#include <stdint.h>

struct stoa__sketch {
	uint32_t *sparse;	/* open addressing; a zero is free */
	uint32_t n, size;	/* entries there; room, 0 or a power of two */
	uint8_t *dense;		/* registers; then there is no @sparse */
};

/* Zeroed, it is empty. @hash must be well mixed. STOA_OK or STOA_ENOMEM. */
int stoa__sketch_add(struct stoa__sketch *s, uint64_t hash);
/* Adds what @from has seen. */
int stoa__sketch_merge(struct stoa__sketch *s, const struct stoa__sketch *from);
int64_t stoa__sketch_estimate(const struct stoa__sketch *s);
/* Heap that it holds. */
uint64_t stoa__sketch_bytes(const struct stoa__sketch *s);
void stoa__sketch_release(struct stoa__sketch *s);

#endif
