/* SPDX-License-Identifier: MIT */
/*
 * unzstd.h - a zstd frame decompressed, with a context that was used before
 *
 * ZSTD_decompress() makes a context each time: 100 KB of memory, and two CPUID instructions, which
 * in a virtual machine are left to its host. Measured in one, of a frame of 600 bytes: 9.6 us, of
 * which 0.4 are the frame. Texts are stored in a frame each, so reading them was mostly that.
 *
 * What a context was used for leaves nothing behind in it, be it a frame that was damaged.
 */
#ifndef STOA__UNZSTD_H
#define STOA__UNZSTD_H

#include <stddef.h>

/*
 * Decompresses the frames of @len bytes at @in to exactly @out_len bytes at @out. STOA_OK;
 * STOA_ECORRUPT where they are none, or give another number of bytes (@out is then of no use);
 * STOA_ENOMEM. Any thread, at any time. Keeps up to STOA__UNZSTD_SPARES contexts for later calls.
 */
int stoa__unzstd(void *out, size_t out_len, const void *in, size_t len);
#define STOA__UNZSTD_SPARES 8

#endif
