/* SPDX-License-Identifier: MIT */
/*
 * codec.c - see codec.h
 *
 * A frame says how long its content is, and lies if it likes. So memory is asked for by the number
 * in front of it, but never for more than the format lets that many bytes expand to; what is never
 * written is never backed by memory.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "codec.h"

#include <string.h>
#include <zstd.h>
#ifdef HAVE_LZ4
#include <lz4frame.h>
#endif

#include "../core/alloc.h"
#include "../core/error.h"
#include "../core/unzstd.h"

#define PAD 64			/* zeros behind a buffer */
#define ZSTD_RATIO 65536	/* blocks of 128 KiB, of four bytes at least */
#define LZ4_RATIO 256
#define LEVEL 1

int stoa__arrow_codec_check(int codec, struct stoa_error *err)
{
#ifndef HAVE_LZ4
	if (codec == STOA__ARROW_CODEC_LZ4)
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "it is compressed with LZ4, which this stoa was built without");
#endif
	(void)codec;
	(void)err;
	return STOA_OK;
}

/* ---- one frame ------------------------------------------------------------------------------- */

static int unpack_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	return stoa__unzstd(out, out_len, in, len);
}

static int pack_zstd(const void *p, size_t len, struct stoa__buf *out)
{
	size_t bound = ZSTD_compressBound(len), n;

	if (ZSTD_isError(bound) || stoa__buf_reserve(out, bound) < 0)
		return STOA_ENOMEM;
	n = ZSTD_compress(out->p + out->len, bound, p, len, LEVEL);
	if (ZSTD_isError(n))
		return STOA_ENOMEM;
	out->len += n;
	return STOA_OK;
}

#ifdef HAVE_LZ4
static int unpack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	LZ4F_dctx *ctx;
	size_t n_in = len, n_out = out_len, left;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return STOA_ENOMEM;
	left = LZ4F_decompress(ctx, out, &n_out, in, &n_in, NULL);
	LZ4F_freeDecompressionContext(ctx);
	return left == 0 && n_in == len && n_out == out_len ? STOA_OK : STOA_ECORRUPT;
}

static int pack_lz4(const void *p, size_t len, struct stoa__buf *out)
{
	size_t bound = LZ4F_compressFrameBound(len, NULL), n;

	if (stoa__buf_reserve(out, bound) < 0)
		return STOA_ENOMEM;
	n = LZ4F_compressFrame(out->p + out->len, bound, p, len, NULL);
	if (LZ4F_isError(n))
		return STOA_ENOMEM;
	out->len += n;
	return STOA_OK;
}
#else
static int unpack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	(void)in;
	(void)len;
	(void)out;
	(void)out_len;
	return STOA_EUNSUPPORTED;
}

static int pack_lz4(const void *p, size_t len, struct stoa__buf *out)
{
	(void)p;
	(void)len;
	(void)out;
	return STOA_EUNSUPPORTED;
}
#endif

/* ---- a buffer -------------------------------------------------------------------------------- */

int stoa__arrow_unpack(int codec, const uint8_t *in, size_t len, uint8_t **out, size_t *out_len)
{
	uint64_t ratio = codec == STOA__ARROW_CODEC_ZSTD ? ZSTD_RATIO : LZ4_RATIO;
	uint64_t said = len >= 8 ? stoa__load_u64(in) : 0;
	bool plain = said == UINT64_MAX;
	int rc = STOA_OK;

	*out = NULL;
	*out_len = 0;
	if (len < 8)
		return len ? STOA_ECORRUPT : STOA_OK;
	in += 8;
	len -= 8;
	if (plain)
		said = len;
	if (!plain && said / ratio > len)
		return STOA_ECORRUPT;
	*out = stoa__alloc_aligned((size_t)said + PAD);
	if (!*out)
		return STOA_ENOMEM;
	if (plain)
		memcpy(*out, in, len);
	else if (said && codec == STOA__ARROW_CODEC_ZSTD)
		rc = unpack_zstd(in, len, *out, (size_t)said);
	else if (said)
		rc = unpack_lz4(in, len, *out, (size_t)said);
	if (rc < 0) {
		stoa__free(*out);
		*out = NULL;
		return rc;
	}
	memset(*out + said, 0, PAD);
	*out_len = (size_t)said;
	return STOA_OK;
}

int stoa__arrow_pack(int codec, const void *p, size_t len, struct stoa__buf *out)
{
	size_t begin = out->len;

	if (!len)
		return STOA_OK;
	STOA_TRY(stoa__buf_put_u64(out, len));
	STOA_TRY(codec == STOA__ARROW_CODEC_ZSTD ? pack_zstd(p, len, out) : pack_lz4(p, len, out));
	if (out->len - begin - 8 < len)
		return STOA_OK;
	out->len = begin;
	STOA_TRY(stoa__buf_put_u64(out, UINT64_MAX));
	return stoa__buf_put(out, p, len);
}
