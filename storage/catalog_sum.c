/* SPDX-License-Identifier: MIT */
/*
 * catalog_sum.c - see catalog_sum.h
 *
 * The hash of a file is that of its first megabyte, then of the next seeded by it, and so on: XXH3
 * in one piece would need the file in one piece.
 */
#include "catalog_sum.h"

#include <fcntl.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hash.h"

#define MAGIC "stoaSUM1"
#define VERSION 1
#define BLOCK_BYTES ((size_t)1 << 20)

struct slot {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint64_t txnid;
	uint64_t len;
	uint64_t file_hash;
	uint8_t zeros[464];
	uint64_t hash;
};
_Static_assert(sizeof(struct slot) == 512, "a slot is a sector");

static int hash_file(int fd, const char *name, uint64_t *len, uint64_t *hash,
		     struct stoa_error *err)
{
	uint8_t *block = stoa__alloc(BLOCK_BYTES);
	size_t got = BLOCK_BYTES;
	int rc = STOA_OK;

	*len = 0;
	*hash = 0;
	if (!block)
		return stoa__fail_memory(err);
	while (got == BLOCK_BYTES) {
		rc = stoa__file_read_some(fd, name, *len, block, BLOCK_BYTES, &got, err);
		if (rc < 0)
			break;
		*hash = stoa__hash_seeded(block, got, *hash);
		*len += got;
	}
	stoa__free(block);
	return rc;
}

static struct slot slot_of(uint64_t txnid, uint64_t len, uint64_t file_hash)
{
	struct slot s;

	memset(&s, 0, sizeof s);
	memcpy(s.magic, MAGIC, sizeof s.magic);
	s.version = VERSION;
	s.txnid = txnid;
	s.len = len;
	s.file_hash = file_hash;
	s.hash = stoa__hash(&s, sizeof s - sizeof s.hash);
	return s;
}

static bool slot_valid(const struct slot *s, uint64_t i)
{
	return memcmp(s->magic, MAGIC, sizeof s->magic) == 0 && s->version == VERSION &&
	       s->hash == stoa__hash(s, sizeof *s - sizeof s->hash) && s->txnid % 2 == i;
}

int stoa__catalog_sum_write(const struct stoa__dir *dir, int fd, const char *name, uint64_t txnid,
			    struct stoa_error *err)
{
	uint64_t len, hash;
	struct slot s;
	int sum;
	int rc;

	STOA_TRY(hash_file(fd, name, &len, &hash, err));
	s = slot_of(txnid, len, hash);
	STOA_TRY(stoa__file_open(dir, CATALOG_SUM_NAME, O_RDWR, &sum, err));
	rc = stoa__file_write(sum, CATALOG_SUM_NAME, txnid % 2 * sizeof s, &s, sizeof s, err);
	if (rc == STOA_OK)
		rc = stoa__file_sync_data(sum, CATALOG_SUM_NAME, err);
	stoa__file_close(sum);
	return rc;
}

int stoa__catalog_sum_create(const struct stoa__dir *dir, int fd, const char *name, uint64_t txnid,
			     struct stoa_error *err)
{
	struct slot slots[2];
	uint64_t len, hash;
	int sum;
	int rc;

	STOA_TRY(hash_file(fd, name, &len, &hash, err));
	slots[txnid % 2] = slot_of(txnid, len, hash);
	slots[1 - txnid % 2] = slot_of(txnid ? txnid - 1 : 1, 0, 0);
	STOA_TRY(stoa__file_open(dir, CATALOG_SUM_NAME, O_RDWR | O_CREAT | O_TRUNC, &sum, err));
	rc = stoa__file_write(sum, CATALOG_SUM_NAME, 0, slots, sizeof slots, err);
	if (rc == STOA_OK)
		rc = stoa__file_sync(sum, CATALOG_SUM_NAME, err);
	stoa__file_close(sum);
	return rc;
}

/* Reads both slots; what the file lacks is zeros, and so no valid slot. */
static int read_slots(const struct stoa__dir *dir, struct slot slots[2], uint64_t *size,
		      struct stoa_error *err)
{
	size_t got;
	int sum;
	int rc;

	memset(slots, 0, 2 * sizeof *slots);
	rc = stoa__file_open(dir, CATALOG_SUM_NAME, O_RDONLY, &sum, err);
	if (rc == STOA_ENOTFOUND)
		return stoa__fail_corrupt(err, CATALOG_SUM_NAME, 0, "the file is missing");
	if (rc < 0)
		return rc;
	rc = stoa__file_size_of(sum, CATALOG_SUM_NAME, size, err);
	if (rc == STOA_OK)
		rc = stoa__file_read_some(sum, CATALOG_SUM_NAME, 0, slots, 2 * sizeof *slots, &got,
					  err);
	stoa__file_close(sum);
	return rc;
}

/* Finds the newest valid slot and whether it can stand beside transaction @txnid. */
static int judge(const struct slot slots[2], uint64_t txnid, const struct slot **newest,
		 struct stoa_error *err)
{
	*newest = NULL;
	for (uint64_t i = 0; i < 2; i++)
		if (slot_valid(&slots[i], i) && (!*newest || slots[i].txnid > (*newest)->txnid))
			*newest = &slots[i];
	if (!*newest)
		return stoa__fail_corrupt(err, CATALOG_SUM_NAME, 0, "neither sum is valid");
	if ((*newest)->txnid > txnid)
		return stoa__fail_corrupt(err, CATALOG_NAME, 0,
					  "it is at transaction %llu, but %llu was committed",
					  (unsigned long long)txnid,
					  (unsigned long long)(*newest)->txnid);
	if ((*newest)->txnid + 1 < txnid)
		return stoa__fail_corrupt(err, CATALOG_SUM_NAME, 0,
					  "it ends at transaction %llu, the catalog at %llu",
					  (unsigned long long)(*newest)->txnid,
					  (unsigned long long)txnid);
	return STOA_OK;
}

int stoa__catalog_sum_accept(const struct stoa__dir *dir, uint64_t txnid, struct stoa_error *err)
{
	const struct slot *newest;
	struct slot slots[2];
	uint64_t size;

	STOA_TRY(read_slots(dir, slots, &size, err));
	return judge(slots, txnid, &newest, err);
}

int stoa__catalog_sum_check(const struct stoa__dir *dir, int fd, uint64_t txnid,
			    struct stoa_error *err)
{
	const struct slot *newest;
	struct slot slots[2];
	uint64_t size, len, hash;

	STOA_TRY(read_slots(dir, slots, &size, err));
	for (uint64_t i = 0; i < 2; i++)
		if (!slot_valid(&slots[i], i))
			return stoa__fail_corrupt(err, CATALOG_SUM_NAME, i * sizeof *slots,
						  "the sum there is not valid");
	if (size != sizeof slots)
		return stoa__fail_corrupt(err, CATALOG_SUM_NAME, size,
					  "it has another length than two sums");
	STOA_TRY(judge(slots, txnid, &newest, err));
	if (newest->txnid != txnid)
		return stoa__fail_corrupt(err, CATALOG_SUM_NAME, 0,
					  "it is one transaction behind the catalog");
	STOA_TRY(hash_file(fd, CATALOG_NAME, &len, &hash, err));
	if (len != newest->len || hash != newest->file_hash)
		return stoa__fail_corrupt(err, CATALOG_NAME, 0,
					  "its bytes are not those that were committed");
	return STOA_OK;
}
