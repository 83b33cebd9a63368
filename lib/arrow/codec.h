/* SPDX-License-Identifier: MIT */
/*
 * codec.h - buffers of an IPC body, compressed one by one: i64 length of what is inside, or -1; a
 * frame, or plain bytes
 */
#ifndef STOA__ARROW_CODEC_H
#define STOA__ARROW_CODEC_H

#include "../core/buf.h"
#include "../stoa.h"

/* As numbered in the format. */
enum stoa__arrow_codec { STOA__ARROW_CODEC_LZ4 = 0, STOA__ARROW_CODEC_ZSTD = 1 };

/* STOA_OK, or STOA_EUNSUPPORTED: stoa was built without it. */
int stoa__arrow_codec_check(int codec, struct stoa_error *err);
/*
 * What @len bytes, as they lie in the body, hold: aligned, from stoa__alloc(), with zeros behind.
 * STOA_ECORRUPT for what is none, and for one that says it is larger than its frame can be.
 */
int stoa__arrow_unpack(int codec, const uint8_t *in, size_t len, uint8_t **out, size_t *out_len);
/*
 * Adds a buffer as it goes into a body; one that does not shrink stays plain. STOA_OK, STOA_ENOMEM.
 */
int stoa__arrow_pack(int codec, const void *p, size_t len, struct stoa__buf *out);

#endif
