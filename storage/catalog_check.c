/* SPDX-License-Identifier: MIT */
/*
 * catalog_check.c - is every byte of the catalog what it should be?
 *
 * Three layers, each with less trust to give than the one before needs: the structure of
 * catalog.mdb, by plain reads; all its bytes, against catalog.sum; and, in a file that passed so
 * far, each record and the sum over all of them, through LMDB.
 */
#include "catalog.h"

#include <fcntl.h>
#include <string.h>

#include "catalog_sum.h"
#include "validate.h"

static int pass_over(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
		     size_t value_len, struct stoa_error *err)
{
	(void)ctx;
	(void)key;
	(void)key_len;
	(void)value;
	(void)value_len;
	(void)err;
	return STOA_OK;
}

/* Structure, then bytes, then (in a file that is sound) records. */
static int check_file(const struct stoa__dir *dir, int fd, bool torn_ok, struct stoa_error *err)
{
	struct stoa__catalog_options options = { .read_only = true };
	struct stoa__catalog *cat;
	struct stoa__lmdb_shape shape;
	uint64_t size;
	int rc;

	STOA_TRY(stoa__file_size_of(fd, CATALOG_NAME, &size, err));
	if (!size)
		return stoa__fail_corrupt(err, CATALOG_NAME, 0, "the file is empty");
	STOA_TRY(stoa__validate_lmdb(fd, CATALOG_NAME, &shape, err));
	if (!torn_ok)
		STOA_TRY(stoa__catalog_sum_check(dir, fd, shape.txnid, err));
	STOA_TRY(stoa__catalog_open(dir, &options, &cat, err));
	rc = stoa__catalog_load(cat, pass_over, NULL, err);
	stoa__catalog_close(cat);
	return rc;
}

int stoa__catalog_check(const struct stoa__dir *dir, bool torn_ok, stoa_check_report *report,
			void *ctx, struct stoa_error *err)
{
	struct stoa_error e = { 0 };
	int fd;
	int rc = stoa__file_open(dir, CATALOG_NAME, O_RDONLY, &fd, &e);

	if (rc == STOA_ENOTFOUND)
		rc = stoa__fail_corrupt(&e, CATALOG_NAME, 0, "the file is missing");
	else if (rc == STOA_OK)
		rc = check_file(dir, fd, torn_ok, &e);
	stoa__file_close(fd);
	if (rc == STOA_ECORRUPT && report)
		report(ctx, strstr(e.text, CATALOG_SUM_NAME) == e.text ? CATALOG_SUM_NAME :
									  CATALOG_NAME,
		       e.offset, e.text);
	if (rc < 0 && err)
		*err = e;
	return rc;
}
