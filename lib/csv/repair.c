/* SPDX-License-Identifier: MIT */
/*
 * repair.c - a block with bad records in it: which ones they are, and the block without them
 *
 *	block     good | bad | good | good | bad | good
 *	halves    [    bad   ] [    good, no look inside ] ...
 *	blanked   good | \n\n\n | good ...
 *
 * What is bad only the parser knows, so it is asked: a run of records that it does not take is
 * halved until the bad ones are alone. With k bad records among n that is some k log2 n / k runs,
 * and never more than log2 n times the work of parsing the block. The bad ones become newlines:
 * blank lines, which the parser passes over, so that everything else stays where it was.
 *
 * (1) A quote out of place may reach into lines behind it; what is left out then is the record as
 * its quotes have it. So the quotes of what is left are paired. (2) Filling moves text, and @edits
 * tell where a place was before; rejects carry places in the file.
 */
#include "repair.h"

#include <string.h>

#include "../core/alloc.h"

/* ---- rejects ---------------------------------------------------------------------------- */

static void empty(struct stoa__csv_rejects *r)
{
	for (size_t i = 0; i < r->n; i++)
		stoa__free(r->list[i].reason);
	r->n = 0;
}

void stoa__csv_rejects_release(struct stoa__csv_rejects *r)
{
	empty(r);
	stoa__free(r->list);
	memset(r, 0, sizeof *r);
}

static int reserve_rejects(struct stoa__csv_rejects *r, size_t more)
{
	struct stoa__csv_reject *list;
	size_t cap = r->cap ? r->cap : 16;

	while (cap < r->n + more)
		cap *= 2;
	if (cap == r->cap)
		return STOA_OK;
	list = stoa__realloc_array(r->list, cap, sizeof *list);
	if (!list)
		return STOA_ENOMEM;
	r->list = list;
	r->cap = cap;
	return STOA_OK;
}

int stoa__csv_rejects_move(struct stoa__csv_rejects *to, struct stoa__csv_rejects *from)
{
	if (from->n == 0)
		return STOA_OK;
	STOA_TRY(reserve_rejects(to, from->n));
	memcpy(to->list + to->n, from->list, from->n * sizeof *from->list);
	to->n += from->n;
	from->n = 0;
	return STOA_OK;
}

void stoa__csv_repairer_release(struct stoa__csv_repairer *r)
{
	stoa__csv_rejects_release(&r->rejects);
	stoa__csv_block_release(&r->scratch);
	stoa__free(r->starts);
	stoa__free(r->edits);
	r->starts = NULL;
	r->edits = NULL;
}

bool stoa__csv_repairable(const struct stoa__csv_repairer *r, const struct stoa__csv_fault *fault)
{
	return (r->fill || r->reject) && fault->code < 0 && fault->code != STOA_ENOMEM &&
	       !fault->misfit;
}

static int fail_memory(struct stoa__csv_fault *fault)
{
	return stoa__csv_fault(fault, STOA_ENOMEM, 0, "out of memory");
}

/* ---- the records of a block ------------------------------------------------------------- */

static int note_start(struct stoa__csv_repairer *r, size_t at)
{
	size_t *starts;

	if (r->n_records + 1 >= r->cap) {
		r->cap = r->cap ? 2 * r->cap : 4096;
		starts = stoa__realloc_array(r->starts, r->cap, sizeof *starts);
		if (!starts)
			return STOA_ENOMEM;
		r->starts = starts;
	}
	r->starts[r->n_records++] = at;
	return STOA_OK;
}

/* Finds where records begin: behind newlines that an even number of quotes precede. */
static int find_records(struct stoa__csv_repairer *r, const char *text, size_t len)
{
	bool quoted = false;

	r->n_records = 0;
	for (size_t i = 0, begin = 0; i < len; i++) {
		quoted ^= text[i] == r->dialect->quote;
		if ((text[i] != '\n' || quoted) && i + 1 < len)
			continue;
		if (note_start(r, begin) < 0)
			return STOA_ENOMEM;
		begin = i + 1;
	}
	if (note_start(r, len) < 0)
		return STOA_ENOMEM;
	r->n_records--;
	return STOA_OK;
}

/* ---- records of another length ---------------------------------------------------------- */

/* Fields of a record, and where the ones beyond @n_columns begin; @end is at its \n or \r\n. */
static size_t count_fields(const struct stoa__csv_repairer *r, const char *p, size_t end,
			   size_t *surplus)
{
	bool quoted = false;
	size_t n = 1;

	*surplus = end;
	for (size_t i = 0; i < end; i++) {
		quoted ^= p[i] == r->dialect->quote;
		if (quoted || p[i] != r->dialect->delimiter)
			continue;
		if (n == r->n_columns)
			*surplus = i;
		n++;
	}
	return n;
}

static int note_edit(struct stoa__csv_repairer *r, size_t at, ptrdiff_t shift)
{
	struct stoa__csv_edit *edits;

	if (r->n_edits == r->edits_cap) {
		r->edits_cap = r->edits_cap ? 2 * r->edits_cap : 64;
		edits = stoa__realloc_array(r->edits, r->edits_cap, sizeof *edits);
		if (!edits)
			return STOA_ENOMEM;
		r->edits = edits;
	}
	r->edits[r->n_edits++] = (struct stoa__csv_edit){ at, shift };
	return STOA_OK;
}

static void put(struct stoa__csv_block *b, const char *p, size_t len)
{
	memcpy(b->text + b->len, p, len);
	b->len += len;
}

/*
 * Copies a record to @to with as many fields as there are columns: NULLs are added, empty fields
 * that are too many go; others that are too many stay, and are a fault.
 */
static int copy_record(struct stoa__csv_repairer *r, struct stoa__csv_block *to, const char *p,
		       size_t len)
{
	const struct stoa__csv_dialect *d = r->dialect;
	size_t end = len, surplus, n, keep;

	end -= end > 0 && p[end - 1] == '\n';
	end -= end > 0 && p[end - 1] == '\r';
	n = count_fields(r, p, end, &surplus);
	keep = end;
	if (n > r->n_columns) {
		keep = surplus;
		for (size_t i = surplus; i < end; i++)
			if (p[i] != d->delimiter)
				keep = end;
	}
	size_t missing = end > 0 && n < r->n_columns ? r->n_columns - n : 0;
	if (stoa__csv_block_reserve(to, to->len + len + missing * (1 + d->null_len)) < 0)
		return STOA_ENOMEM;
	put(to, p, keep);
	for (size_t i = 0; i < missing; i++) {
		put(to, &d->delimiter, 1);
		put(to, d->null_text, d->null_len);
	}
	ptrdiff_t shift = (ptrdiff_t)(end - keep) - (ptrdiff_t)(missing * (1 + d->null_len));
	if (shift && note_edit(r, to->len, shift) < 0)
		return STOA_ENOMEM;
	put(to, p + end, len - end);
	return STOA_OK;
}

/* Makes all records of @block n_columns long, where that is a matter of NULLs and empty fields. */
static int fill_records(struct stoa__csv_repairer *r, struct stoa__csv_block *block)
{
	struct stoa__csv_block *to = &r->scratch;

	to->len = 0;
	STOA_TRY(find_records(r, block->text, block->len));
	for (size_t i = 0; i < r->n_records; i++)
		STOA_TRY(copy_record(r, to, block->text + r->starts[i],
				     r->starts[i + 1] - r->starts[i]));
	if (to->len > UINT32_MAX)
		return STOA_ENOMEM;
	STOA_TRY(stoa__csv_block_reserve(block, to->len));
	memcpy(block->text, to->text, to->len);
	memset(block->text + to->len, 0, STOA__CSV_PAD);
	block->len = to->len;
	return STOA_OK;
}

size_t stoa__csv_repair_place(const struct stoa__csv_repairer *r, size_t offset)
{
	ptrdiff_t shift = 0;

	for (size_t i = 0; i < r->n_edits && r->edits[i].at <= offset; i++)
		shift += r->edits[i].shift;
	return (size_t)((ptrdiff_t)offset + shift);
}

/* ---- records that are not taken --------------------------------------------------------- */

/* Asks whether records @lo to @hi are taken; they are changed in a copy. */
static int attempt(struct stoa__csv_repairer *r, const struct stoa__csv_block *block, size_t lo,
		   size_t hi, struct stoa__csv_fault *fault)
{
	struct stoa__csv_block *piece = &r->scratch;
	size_t from = r->starts[lo], len = r->starts[hi] - from;

	if (stoa__csv_block_reserve(piece, len) < 0)
		return fail_memory(fault);
	memcpy(piece->text, block->text + from, len);
	memset(piece->text + len, 0, STOA__CSV_PAD);
	piece->len = len;
	piece->n_records = hi - lo;
	piece->offset = block->offset + from;
	piece->number = block->number;
	return r->attempt(r->ctx, piece, fault);
}

static int note_reject(struct stoa__csv_repairer *r, const struct stoa__csv_block *block, size_t i,
		       struct stoa__csv_fault *fault)
{
	size_t from = stoa__csv_repair_place(r, r->starts[i]);
	size_t to = stoa__csv_repair_place(r, r->starts[i + 1]);
	size_t place = stoa__csv_repair_place(r, r->starts[i] + fault->offset);
	struct stoa__csv_reject *reject;

	if (reserve_rejects(&r->rejects, 1) < 0)
		return fail_memory(fault);
	reject = &r->rejects.list[r->rejects.n];
	reject->reason = stoa__strndup(fault->text, strlen(fault->text));
	if (!reject->reason)
		return fail_memory(fault);
	reject->offset = block->offset + from;
	reject->place = block->offset + place;
	reject->len = to - from;
	reject->code = fault->code;
	r->rejects.n++;
	memset(block->text + r->starts[i], '\n', r->starts[i + 1] - r->starts[i]);
	return STOA_OK;
}

/* Leaves the bad ones among records @lo to @hi out. */
static int reject_bad(struct stoa__csv_repairer *r, const struct stoa__csv_block *block, size_t lo,
		      size_t hi, struct stoa__csv_fault *fault)
{
	int rc = attempt(r, block, lo, hi, fault);

	if (rc == STOA_OK || !stoa__csv_repairable(r, fault))
		return rc;
	if (hi - lo == 1)
		return note_reject(r, block, lo, fault);
	STOA_TRY(reject_bad(r, block, lo, lo + (hi - lo) / 2, fault));
	return reject_bad(r, block, lo + (hi - lo) / 2, hi, fault);
}

/* The file's bytes, once more; the newline that ends the block may not be one of them. */
static int read_again(const struct stoa__csv_repairer *r, struct stoa__csv_block *block,
		      struct stoa_error *err)
{
	size_t got;

	STOA_TRY(stoa__csv_input_read(r->in, block->offset, block->text, block->len, &got, err));
	if (got < block->len)
		block->text[got++] = '\n';
	block->len = got;
	memset(block->text + got, 0, STOA__CSV_PAD);
	return STOA_OK;
}

int stoa__csv_repair(struct stoa__csv_repairer *r, struct stoa__csv_block *block,
		     struct stoa__csv_fault *fault, struct stoa_error *err)
{
	int rc = STOA_OK;

	fault->code = STOA_OK;
	r->n_edits = 0;
	empty(&r->rejects);
	STOA_TRY(read_again(r, block, err));
	if (r->fill && fill_records(r, block) < 0)
		return fail_memory(fault);
	if (r->reject) {
		if (find_records(r, block->text, block->len) < 0)
			return fail_memory(fault);
		rc = reject_bad(r, block, 0, r->n_records, fault);
	}
	if (rc == STOA_OK)
		fault->code = STOA_OK;
	return rc;
}

/* ---- types of what is left -------------------------------------------------------------- */

/* Looks at a text that may be bad, apart from others; *@out is the caller's if it is STOA_OK. */
static int infer_apart(struct stoa__csv_infer *out, const struct stoa__csv_repairer *r, char *text,
		       size_t len, struct stoa__csv_fault *fault)
{
	int rc;

	if (stoa__csv_infer_init(out, r->dialect, r->n_columns) < 0)
		return fail_memory(fault);
	rc = stoa__csv_infer_text(out, text, len, fault);
	if (rc < 0)
		stoa__csv_infer_release(out);
	return rc;
}

static int attempt_infer(void *ctx, struct stoa__csv_block *piece, struct stoa__csv_fault *fault)
{
	struct stoa__csv_infer apart;
	int rc = infer_apart(&apart, ctx, piece->text, piece->len, fault);

	if (rc == STOA_OK)
		stoa__csv_infer_release(&apart);
	return rc;
}

int stoa__csv_infer_block(struct stoa__csv_infer *in, struct stoa__csv_repairer *r,
			  struct stoa__csv_block *block, struct stoa__csv_fault *fault,
			  struct stoa_error *err)
{
	struct stoa__csv_infer apart;
	int rc = infer_apart(&apart, r, block->text, block->len, fault);

	if (rc < 0 && stoa__csv_repairable(r, fault)) {
		r->attempt = attempt_infer;
		r->ctx = r;
		STOA_TRY(stoa__csv_repair(r, block, fault, err));
		rc = infer_apart(&apart, r, block->text, block->len, fault);
		if (rc < 0)
			fault->offset = stoa__csv_repair_place(r, fault->offset);
	}
	if (rc < 0)
		return rc;
	/* What was seen last stays in whole, since a join keeps no hashes. */
	stoa__csv_infer_join(&apart, in);
	stoa__csv_infer_release(in);
	*in = apart;
	return STOA_OK;
}
