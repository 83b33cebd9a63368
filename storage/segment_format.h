/* SPDX-License-Identifier: MIT */
/*
 * segment_format.h - the bytes of a segment file, known to its writer and its reader alone
 *
 *     0            header       64   "stoaSEG1", u32 version, u32 0, uuid[16], u64 file number, zeros,
 *                                    u64 xxh3 of the 56 bytes before it
 *     64           chunks            one after the other, each a multiple of 64 bytes long
 *     dir offset   directory         u32 n_groups, u32 n_chunks, u64 0;
 *                                    n_groups times  u32 n_rows, u32 first chunk, u32 n_chunks, u32 0;
 *                                    n_chunks times  u32 slot, u32 0, u64 offset, u64 length, u64 xxh3;
 *                                    zeros to a multiple of 64
 *     length - 64  trailer      64   "stoaSEGe", u32 version, u32 0, u64 dir offset, u64 dir length,
 *                                    u64 xxh3 of the directory, u64 file length, u64 xxh3 of the
 *                                    header, u64 xxh3 of the 56 bytes before it
 *
 * Integers are little-endian. A group's chunks lie together in the directory, groups in order.
 *
 * (1) The chunks tile the file between header and directory: no byte is outside of all checksums.
 * (2) A header follows from uuid and file number, so the trailer's hash of it, and the root, which
 *     is the hash of the trailer, say which file of which database this is; the header's own bytes
 *     are for whoever has nothing but the file.
 * (3) A chunk's hash is seeded by file number and offset: a misplaced chunk does not pass.
 */
#ifndef STOA__SEGMENT_FORMAT_H
#define STOA__SEGMENT_FORMAT_H

#include <string.h>

#include "../lib/core/hash.h"
#include "segment.h"

#define SEGMENT_MAGIC "stoaSEG1"
#define SEGMENT_END_MAGIC "stoaSEGe"
#define SEGMENT_VERSION 1
#define SEGMENT_ALIGN 64

struct segment_header {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint8_t uuid[16];
	uint64_t file;
	uint64_t zeros[2];
	uint64_t hash;
};

struct segment_directory {
	uint32_t n_groups;
	uint32_t n_chunks;
	uint64_t zero;
};

struct segment_group {
	uint32_t n_rows;
	uint32_t first;
	uint32_t n_chunks;
	uint32_t zero;
};

struct segment_chunk {
	uint32_t slot;
	uint32_t zero;
	uint64_t offset;
	uint64_t len;
	uint64_t hash;
};

struct segment_trailer {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint64_t dir_offset;
	uint64_t dir_len;
	uint64_t dir_hash;
	uint64_t file_len;
	uint64_t header_hash;
	uint64_t hash;
};

_Static_assert(sizeof(struct segment_header) == 64, "header is 64 bytes");
_Static_assert(sizeof(struct segment_directory) == 16, "directory begins with 16 bytes");
_Static_assert(sizeof(struct segment_group) == 16, "group is 16 bytes");
_Static_assert(sizeof(struct segment_chunk) == 32, "chunk is 32 bytes");
_Static_assert(sizeof(struct segment_trailer) == 64, "trailer is 64 bytes");

/* The seed of the hash of a chunk: no two places share one. */
static inline uint64_t segment_seed(uint64_t file, uint64_t offset)
{
	return file * 0x9e3779b97f4a7c15u + offset;
}

static inline struct segment_header segment_header_of(uint64_t file, const uint8_t uuid[16])
{
	struct segment_header h;

	memset(&h, 0, sizeof h);
	memcpy(h.magic, SEGMENT_MAGIC, sizeof h.magic);
	h.version = SEGMENT_VERSION;
	memcpy(h.uuid, uuid, 16);
	h.file = file;
	h.hash = stoa__hash(&h, sizeof h - sizeof h.hash);
	return h;
}

#endif
