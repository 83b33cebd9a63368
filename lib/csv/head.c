/* SPDX-License-Identifier: MIT */
/*
 * head.c - what is found out about a CSV file before it is imported
 *
 *	file    | BOM | header |  records ...  |   piece   |   piece   | ... |  last piece |
 *	sample                 |  up to 4 MiB  |      some of 64 KiB each, spread out      |
 *
 * The sample is a guess that saves work, never a decision: a value that does not fit later makes
 * the import look at all of the file (import.c). Pieces from the middle begin behind a newline,
 * which may be one within quotes; a piece that makes no sense is left out. Where the types are
 * those of a table that is there, the sample is brief and there are no pieces: this is all done
 * before the threads begin, and took a tenth of a load of 20 MB.
 *
 * A first record is taken for a header when each of its fields is a name (text, not a number, date
 * or the like), no two are equal, and none of them occurs in its own column further down.
 */
#include "head.h"

#include <stdio.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/type.h"
#include "repair.h"
#include "split.h"

#define SAMPLE_BYTES ((size_t)4 << 20)
#define BRIEF_BYTES ((size_t)256 << 10)	/* the sample of a file whose types are known */
#define PIECE_BYTES ((size_t)64 << 10)
#define N_PIECES 16

/* The start of the file, as one block of whole records. */
struct sample {
	struct stoa__csv_block block;
	char *first; /* the first record that is not blank, and the bytes up to the next */
	size_t first_len;
};

/* ---- reading ---------------------------------------------------------------------------- */

/* Looks at the first bytes for a byte order mark: *@skip bytes to pass over. */
static int check_mark(const struct stoa__csv_input *in, uint64_t *skip, struct stoa_error *err)
{
	unsigned char mark[3] = { 0 };
	size_t got;

	*skip = 0;
	STOA_TRY(stoa__csv_input_read(in, 0, (char *)mark, sizeof mark, &got, err));
	if (got >= 2 &&
	    ((mark[0] == 0xff && mark[1] == 0xfe) || (mark[0] == 0xfe && mark[1] == 0xff)))
		return stoa__csv_input_fail(in, STOA_ESYNTAX, 0,
					    "the text is UTF-16: convert it to UTF-8", err);
	if (got == 3 && memcmp(mark, "\xef\xbb\xbf", 3) == 0)
		*skip = 3;
	return STOA_OK;
}

static size_t sample_bytes(const struct stoa__csv_wishes *wishes)
{
	return wishes->known ? BRIEF_BYTES : SAMPLE_BYTES;
}

/* Reads the sample, without knowing the delimiter, which does not matter to where records end. */
static int read_sample(const struct stoa__csv_input *in, const struct stoa__csv_wishes *wishes,
		       char quote, uint64_t offset, struct sample *s, struct stoa_error *err)
{
	const struct stoa__csv_dialect any = { ',', quote, "", 0, false };
	struct stoa__csv_splitter splitter;
	int rc;

	stoa__csv_split_init(&splitter, in, &any, offset, SIZE_MAX);
	splitter.bytes = sample_bytes(wishes);
	rc = stoa__csv_split_next(&splitter, &s->block, err);
	return rc == STOA_END ? STOA_OK : rc;
}

/* Finds the first record of the sample. */
static void find_first(struct sample *s, char quote)
{
	const struct stoa__csv_scan_kernel *kernel = stoa__csv_scan_kernel();
	struct stoa__csv_scan scan;
	size_t wanted = 1, skip = 0;
	char *text = s->block.text;

	while (skip < s->block.len && (text[skip] == '\n' || text[skip] == '\r'))
		skip++;
	stoa__csv_scan_init(&scan, ',', quote);
	s->first = text + skip;
	s->first_len = kernel->records(&scan, s->first, 0, s->block.len - skip, &wanted);
}

/* ---- names ------------------------------------------------------------------------------ */

/* Fields of one record, in place. Room for STOA_SLOTS_MAX. */
struct record {
	size_t n;
	struct stoa__csv_field fields[STOA_SLOTS_MAX];
};

/* Cuts the first record into fields; they are unquoted in a copy later. */
static int cut_record(const struct stoa__csv_input *in, const struct sample *s,
		      const struct stoa__csv_dialect *d, struct record *r, struct stoa_error *err)
{
	bool quoted = false;
	size_t begin = 0;

	r->n = 0;
	for (size_t i = 0; i < s->first_len; i++) {
		char c = s->first[i];

		quoted ^= c == d->quote;
		if (quoted || (c != d->delimiter && c != '\n'))
			continue;
		if (r->n == STOA_SLOTS_MAX)
			return stoa__csv_input_fail(in, STOA_EFULL, s->block.offset,
						    "over 1000 columns: a table has room for 1000",
						    err);
		r->fields[r->n++] = (struct stoa__csv_field){ s->first + begin, i - begin };
		begin = i + 1;
	}
	if (quoted)
		return stoa__csv_input_fail(in, STOA_ESYNTAX,
					    s->block.offset + (uint64_t)(s->first + begin -
									 s->block.text),
					    "a quoted field is never closed", err);
	if (r->n > 0 && r->fields[r->n - 1].n > 0) {
		struct stoa__csv_field *last = &r->fields[r->n - 1];

		last->n -= last->p[last->n - 1] == '\r';
	}
	return STOA_OK;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A field as a name: without its quotes and the blanks around it. *@out is the caller's to free. */
static int copy_name(struct stoa__csv_field f, char quote, char **out)
{
	char *copy = stoa__strndup(f.p, f.n);
	struct stoa__csv_field name = { copy, f.n };
	size_t at;

	*out = NULL;
	if (!copy)
		return STOA_ENOMEM;
	if (name.n > 0 && *name.p == quote && stoa__csv_unquote(&name, quote, &at) < 0) {
		stoa__free(copy);
		return STOA_ESYNTAX;
	}
	for (; name.n > 0 && is_blank(*name.p); name.n--)
		name.p++;
	while (name.n > 0 && is_blank(name.p[name.n - 1]))
		name.n--;
	memmove(copy, name.p, name.n);
	copy[name.n] = '\0';
	*out = copy;
	return STOA_OK;
}

/* Name of column @i: the header's, or c and its number where there is none. */
static int make_name(const struct stoa__csv_input *in, struct stoa__csv_head *h,
		     const struct sample *s, const struct record *r, size_t i,
		     struct stoa_error *err)
{
	uint64_t place = s->block.offset + (uint64_t)(r->fields[i].p - s->block.text);
	char numbered[24];
	int rc = STOA_OK;

	if (h->header)
		rc = copy_name(r->fields[i], h->dialect.quote, &h->names[i]);
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	if (rc < 0)
		return stoa__csv_input_fail(in, rc, place,
					    "text behind the closing quote of a name", err);
	if (h->names[i] && !stoa__utf8_valid(h->names[i], strlen(h->names[i])))
		return stoa__csv_input_fail(in, STOA_ESYNTAX, place,
					    "the name of a column is not valid UTF-8", err);
	if (h->names[i] && *h->names[i])
		return STOA_OK;
	snprintf(numbered, sizeof numbered, "c%zu", i + 1);
	stoa__free(h->names[i]);
	h->names[i] = stoa__strndup(numbered, strlen(numbered));
	return h->names[i] ? STOA_OK : stoa__fail_memory(err);
}

static int check_names(const struct stoa__csv_input *in, const struct stoa__csv_head *h,
		       const struct sample *s, struct stoa_error *err)
{
	char text[STOA_NAME_MAX + 64];

	for (size_t i = 0; i < h->n_columns; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!stoa__name_equal(h->names[i], h->names[k]))
				continue;
			snprintf(text, sizeof text, "two columns are called \"%.*s\"",
				 STOA_NAME_MAX, h->names[i]);
			return stoa__csv_input_fail(in, STOA_ESYNTAX, s->block.offset, text, err);
		}
	}
	return STOA_OK;
}

static int make_names(const struct stoa__csv_input *in, struct stoa__csv_head *h,
		      const struct sample *s, const struct record *r, struct stoa_error *err)
{
	h->names = stoa__calloc(r->n, sizeof *h->names);
	if (!h->names)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < r->n; i++)
		STOA_TRY(make_name(in, h, s, r, i, err));
	return check_names(in, h, s, err);
}

/* ---- is there a header? ----------------------------------------------------------------- */

static bool is_known(const struct stoa__csv_wishes *wishes, const char *name)
{
	for (size_t i = 0; i < wishes->n_known; i++)
		if (stoa__name_equal(wishes->known[i].name, name))
			return true;
	return false;
}

/*
 * What the fields of the first record look like: names that are all different, of which none was
 * seen in its column? Or, any that is known?
 */
static int judge_header(const struct stoa__csv_head *h, const struct stoa__csv_wishes *wishes,
			const struct record *r, bool *header)
{
	bool names = true, known = false;

	for (size_t i = 0; i < r->n; i++) {
		char *name;
		int rc = copy_name(r->fields[i], h->dialect.quote, &name);

		if (rc == STOA_ENOMEM)
			return rc;
		if (rc < 0)
			name = NULL;
		names &= name && stoa__csv_is_name(name, strlen(name)) &&
			 !stoa__csv_infer_seen(&h->infer, i, name, strlen(name));
		known |= name && is_known(wishes, name);
		stoa__free(name);
		for (size_t k = 0; k < i && names; k++)
			names = r->fields[i].n != r->fields[k].n ||
				memcmp(r->fields[i].p, r->fields[k].p, r->fields[i].n) != 0;
	}
	*header = known || names;
	return STOA_OK;
}

/* ---- types ------------------------------------------------------------------------------ */

/* Reports what is wrong with text at @offset of the file. */
static int fail_fault(const struct stoa__csv_input *in, uint64_t offset,
		      const struct stoa__csv_fault *fault, struct stoa_error *err)
{
	if (fault->code == STOA_ENOMEM)
		return stoa__fail_memory(err);
	return stoa__csv_input_fail(in, fault->code, offset + fault->offset, fault->text, err);
}

/* Looks at one piece of the file, from the first newline in it to the last. */
static int infer_piece(const struct stoa__csv_input *in, struct stoa__csv_head *h, uint64_t offset,
		       char *room, struct stoa_error *err)
{
	struct stoa__csv_infer piece;
	struct stoa__csv_fault fault;
	char *text = room + STOA__CSV_PAD, *begin, *end;
	size_t got;
	int rc;

	STOA_TRY(stoa__csv_input_read(in, offset, text, PIECE_BYTES, &got, err));
	memset(text + got, 0, STOA__CSV_PAD);
	begin = memchr(text, '\n', got);
	end = memrchr(text, '\n', got);
	if (!begin || begin == end)
		return STOA_OK;
	if (stoa__csv_infer_init(&piece, &h->dialect, h->n_columns) < 0)
		return stoa__fail_memory(err);
	rc = stoa__csv_infer_text(&piece, begin + 1, (size_t)(end - begin), &fault);
	if (rc == STOA_OK)
		stoa__csv_infer_join(&h->infer, &piece);
	stoa__csv_infer_release(&piece);
	return rc == STOA_ENOMEM ? stoa__fail_memory(err) : STOA_OK;
}

/* Looks at pieces of what is behind the sample. */
static int infer_pieces(const struct stoa__csv_input *in, struct stoa__csv_head *h, uint64_t from,
			struct stoa_error *err)
{
	uint64_t rest = in->size > from ? in->size - from : 0;
	uint64_t step = rest / N_PIECES > PIECE_BYTES ? rest / N_PIECES : PIECE_BYTES;
	char *room;
	int rc = STOA_OK;

	if (rest == 0)
		return STOA_OK;
	room = stoa__calloc(1, PIECE_BYTES + 2 * STOA__CSV_PAD);
	if (!room)
		return stoa__fail_memory(err);
	for (uint64_t at = from; rc == STOA_OK && at + PIECE_BYTES < in->size; at += step)
		rc = infer_piece(in, h, at, room, err);
	if (rc == STOA_OK && rest > PIECE_BYTES)
		rc = infer_piece(in, h, in->size - PIECE_BYTES, room, err);
	stoa__free(room);
	return rc;
}

/*
 * Looks at the sample behind its first record. With @header unknown this is done before the
 * question is settled; the first record is looked at afterwards, if it is none.
 */
static int infer_sample(const struct stoa__csv_input *in, struct stoa__csv_head *h,
			const struct stoa__csv_wishes *wishes, const struct sample *s,
			struct stoa_error *err)
{
	uint64_t offset = s->block.offset + (uint64_t)(s->first + s->first_len - s->block.text);
	struct stoa__csv_repairer repair = { .in = in,
					     .dialect = &h->dialect,
					     .n_columns = h->n_columns,
					     .fill = wishes->fill,
					     .reject = wishes->reject };
	struct stoa__csv_fault fault = { 0 };
	struct stoa__csv_block rest = { 0 };
	struct stoa__csv_splitter splitter;
	int rc;

	stoa__csv_split_init(&splitter, in, &h->dialect, offset, SIZE_MAX);
	splitter.bytes = sample_bytes(wishes);
	rc = stoa__csv_split_next(&splitter, &rest, err);
	if (rc == STOA_ROW)
		rc = stoa__csv_infer_block(&h->infer, &repair, &rest, &fault, err);
	if (fault.code < 0)
		fail_fault(in, offset, &fault, err);
	stoa__csv_repairer_release(&repair);
	stoa__csv_block_release(&rest);
	return rc == STOA_END ? STOA_OK : rc;
}

static int settle_header(const struct stoa__csv_input *in, struct stoa__csv_head *h,
			 const struct stoa__csv_wishes *wishes, struct sample *s,
			 const struct record *r, struct stoa_error *err)
{
	uint64_t first = s->block.offset + (uint64_t)(s->first - s->block.text);
	struct stoa__csv_fault fault;

	h->header = wishes->header == 1;
	if (wishes->header < 0 && judge_header(h, wishes, r, &h->header) < 0)
		return stoa__fail_memory(err);
	h->offset = first + (h->header ? s->first_len : 0);
	STOA_TRY(make_names(in, h, s, r, err));
	if (!h->header && stoa__csv_infer_text(&h->infer, s->first, s->first_len, &fault) < 0)
		return fail_fault(in, first, &fault, err);
	return STOA_OK;
}

/*
 * Apostrophes stand for quotes where they, and quotes not, make all records the same length: text
 * has apostrophes of its own.
 */
static int settle_quote(const struct stoa__csv_input *in, const struct stoa__csv_wishes *wishes,
			uint64_t offset, struct sample *s, char *quote, struct stoa_error *err)
{
	bool regular;

	*quote = wishes->quote ? wishes->quote : '"';
	STOA_TRY(read_sample(in, wishes, *quote, offset, s, err));
	if (wishes->quote || wishes->delimiter || s->block.len == 0 ||
	    !memchr(s->block.text, '\'', s->block.len))
		return STOA_OK;
	stoa__csv_sniff_delimiter(s->block.text, s->block.len, *quote, &regular);
	if (regular)
		return STOA_OK;
	stoa__csv_sniff_delimiter(s->block.text, s->block.len, '\'', &regular);
	if (!regular)
		return STOA_OK;
	*quote = '\'';
	return read_sample(in, wishes, *quote, offset, s, err);
}

static int read_head(const struct stoa__csv_input *in, const struct stoa__csv_wishes *wishes,
		     struct sample *s, struct record *r, struct stoa__csv_head *h,
		     struct stoa_error *err)
{
	uint64_t offset;
	char quote;

	STOA_TRY(check_mark(in, &offset, err));
	STOA_TRY(settle_quote(in, wishes, offset, s, &quote, err));
	h->offset = offset;
	if (s->block.len == 0)
		return STOA_OK;
	find_first(s, quote);
	h->dialect = (struct stoa__csv_dialect){ wishes->delimiter, quote,
						 wishes->null_text, strlen(wishes->null_text),
						 wishes->base64 };
	if (!h->dialect.delimiter)
		h->dialect.delimiter =
			stoa__csv_sniff_delimiter(s->block.text, s->block.len, quote, NULL);
	STOA_TRY(cut_record(in, s, &h->dialect, r, err));
	if (r->n == 0)
		return STOA_OK;		/* blank lines alone */
	if (stoa__csv_infer_init(&h->infer, &h->dialect, r->n) < 0)
		return stoa__fail_memory(err);
	h->n_columns = r->n;
	STOA_TRY(infer_sample(in, h, wishes, s, err));
	STOA_TRY(settle_header(in, h, wishes, s, r, err));
	return wishes->known ? STOA_OK : infer_pieces(in, h, s->block.offset + s->block.len, err);
}

int stoa__csv_head_read(const struct stoa__csv_input *in, const struct stoa__csv_wishes *wishes,
			struct stoa__csv_head *out, struct stoa_error *err)
{
	struct record *r = stoa__alloc(sizeof *r);
	struct sample s;
	int rc;

	memset(out, 0, sizeof *out);
	memset(&s, 0, sizeof s);
	if (!r)
		return stoa__fail_memory(err);
	rc = read_head(in, wishes, &s, r, out, err);
	stoa__csv_block_release(&s.block);
	stoa__free(r);
	if (rc < 0)
		stoa__csv_head_release(out);
	return rc;
}

void stoa__csv_head_release(struct stoa__csv_head *h)
{
	for (size_t i = 0; h->names && i < h->n_columns; i++)
		stoa__free(h->names[i]);
	stoa__free(h->names);
	if (h->infer.columns)
		stoa__csv_infer_release(&h->infer);
	memset(h, 0, sizeof *h);
}
