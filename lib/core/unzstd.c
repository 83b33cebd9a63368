/* SPDX-License-Identifier: MIT */
/*
 * unzstd.c - see unzstd.h
 *
 * Contexts that nobody uses lie in an array, each in a place of its own, where one atomic exchange
 * takes it or puts it back: so no thread has anything to give back when it ends, and a burst of
 * threads leaves no more behind than there are places.
 *
 * (1) A context is in one place, or in the hands of one thread.
 */
#include "unzstd.h"

#include <stdatomic.h>
#include <zstd.h>

#include "error.h"

static _Atomic(ZSTD_DCtx *) spares[STOA__UNZSTD_SPARES];

static ZSTD_DCtx *take(void)
{
	for (size_t i = 0; i < STOA__UNZSTD_SPARES; i++) {
		ZSTD_DCtx *z = NULL;

		/* Looking first leaves the places of others where they are cached. */
		if (atomic_load_explicit(&spares[i], memory_order_relaxed))
			z = atomic_exchange_explicit(&spares[i], NULL, memory_order_acquire);
		if (z)
			return z;
	}
	return ZSTD_createDCtx();
}

static void give_back(ZSTD_DCtx *z)
{
	for (size_t i = 0; i < STOA__UNZSTD_SPARES; i++) {
		ZSTD_DCtx *none = NULL;

		if (atomic_compare_exchange_strong_explicit(&spares[i], &none, z, memory_order_release,
							    memory_order_relaxed))
			return;
	}
	ZSTD_freeDCtx(z);
}

int stoa__unzstd(void *out, size_t out_len, const void *in, size_t len)
{
	ZSTD_DCtx *z = take();
	size_t got;

	if (!z)
		return STOA_ENOMEM;
	got = ZSTD_decompressDCtx(z, out, out_len, in, len);
	give_back(z);
	return got == out_len ? STOA_OK : STOA_ECORRUPT;
}
