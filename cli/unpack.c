/* SPDX-License-Identifier: MIT */
/*
 * unpack.c - a file to import as UTF-8 that can be read more than once
 *
 * A plain file is taken as it is. gzip and zstd files, known by their first bytes and not by their
 * names, are unpacked into a temporary file that has no name, and so is what comes through a pipe:
 * readers go over their input twice, once for the types and once for the rows. On the way, text of
 * another encoding is converted: what the user says it is, or UTF-16 by its byte order mark.
 *
 *     1f 8b           gzip; members may follow each other
 *     28 b5 2f fd     zstd; so may frames
 *     ff fe, fe ff    UTF-16
 *
 *     read -> unpack -> convert -> write
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK_BYTES ((size_t)256 << 10)

/*
 * What is packed better than gzip can is not text that somebody wants to import, but meant to fill
 * the disk; up to ROOM_BYTES it may.
 */
#define RATIO_MAX 1032
#define ROOM_BYTES ((uint64_t)64 << 20)

/* Bytes on their way from one file to another. */
struct flow {
	const char *name;
	int from;
	int to;
	unsigned char *in;
	size_t in_len;
	unsigned char *out;
	uint64_t n_in, n_out;	/* bytes read, and unpacked */
	/* Conversion. */
	const char *encoding;	/* NULL: by the byte order mark */
	bool begun;		/* it is known whether there is any */
	bool converts;
	iconv_t converter;
	char left[16];		/* the first bytes of a character whose others are to come */
	size_t left_len;
};

static int fail(const struct flow *f, const char *what)
{
	report("%s: %s", f->name, what);
	return CLI_FAILURE;
}

/* The next bytes into f->in, behind @keep that are there; f->in_len stays @keep at the end. */
static int refill(struct flow *f, size_t keep)
{
	ssize_t n;

	do
		n = read(f->from, f->in + keep, CHUNK_BYTES - keep);
	while (n < 0 && errno == EINTR && !interrupted());
	f->in_len = keep + (n > 0 ? (size_t)n : 0);
	f->n_in += n > 0 ? (size_t)n : 0;
	if (interrupted())
		return CLI_INTERRUPTED;
	return n < 0 ? fail(f, strerror(errno)) : CLI_OK;
}

static int put(struct flow *f, const unsigned char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(f->to, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			report("%s: cannot copy it to a temporary file: %s", f->name,
			       strerror(errno));
			return CLI_FAILURE;
		}
		p += n;
		len -= (size_t)n;
	}
	return CLI_OK;
}

static const char *encoding_of(const unsigned char *p, size_t len)
{
	if (len >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
		return "UTF-16";
	return NULL;
}

static int begin_conversion(struct flow *f, const unsigned char *p, size_t len)
{
	const char *encoding = f->encoding ? f->encoding : encoding_of(p, len);

	f->begun = true;
	if (!encoding)
		return CLI_OK;
	f->converter = iconv_open("UTF-8", encoding);
	f->converts = f->converter != (iconv_t)-1;
	if (f->converts)
		return CLI_OK;
	report("no encoding %s is known: 'iconv -l' lists those that are", encoding);
	return CLI_USAGE;
}

/* Converts @len bytes at @p; up to a character's worth of them is kept for the next time. */
static int convert(struct flow *f, char *p, size_t len)
{
	char room[4096];

	while (len > 0) {
		char *to = room;
		size_t free_bytes = sizeof(room);
		size_t rc = iconv(f->converter, &p, &len, &to, &free_bytes);
		int why = rc == (size_t)-1 ? errno : 0;
		int code = put(f, (unsigned char *)room, sizeof(room) - free_bytes);

		if (code != CLI_OK)
			return code;
		if (why == EILSEQ || (why == EINVAL && len > sizeof(f->left)))
			return fail(f, "the text is not of its encoding: see --encoding");
		if (why == EINVAL)
			break;
	}
	memcpy(f->left, p, len);
	f->left_len = len;
	return CLI_OK;
}

/* Takes unpacked bytes to the file, by way of UTF-8. */
static int emit(struct flow *f, const unsigned char *p, size_t len)
{
	struct text joined = { 0 };
	int code = f->begun ? CLI_OK : begin_conversion(f, p, len);

	f->n_out += len;
	if (f->n_out > ROOM_BYTES && f->n_out / RATIO_MAX > f->n_in) {
		report("%s: it unpacks to more than %d times its size: if that is right, unpack it "
		       "with zstd -d, and import what comes out", f->name, RATIO_MAX);
		return CLI_FAILURE;
	}
	if (code != CLI_OK || !f->converts)
		return code != CLI_OK ? code : put(f, p, len);
	text_put(&joined, f->left, f->left_len);
	text_put(&joined, (const char *)p, len);
	f->left_len = 0;
	code = convert(f, joined.p, joined.len);
	text_release(&joined);
	return code;
}

static int end_conversion(struct flow *f, int code)
{
	if (!f->converts)
		return code;
	iconv_close(f->converter);
	if (code == CLI_OK && f->left_len > 0)
		return fail(f, "the text ends within a character");
	return code;
}

static int copy(struct flow *f)
{
	int code = CLI_OK;

	while (code == CLI_OK && f->in_len > 0) {
		code = emit(f, f->in, f->in_len);
		if (code == CLI_OK)
			code = refill(f, 0);
	}
	return code;
}

/* Unpacks what is in f->in; *@whole: it ended where a member ends. */
static int inflate_chunk(struct flow *f, z_stream *z, bool *whole)
{
	int code = CLI_OK;

	z->next_in = f->in;
	z->avail_in = (uInt)f->in_len;
	do {
		z->next_out = f->out;
		z->avail_out = (uInt)CHUNK_BYTES;
		if (*whole && z->avail_in > 0)
			inflateReset(z);
		int rc = inflate(z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return fail(f, "the gzip file is damaged");
		*whole = rc == Z_STREAM_END;
		code = emit(f, f->out, CHUNK_BYTES - z->avail_out);
	} while (code == CLI_OK && (z->avail_in > 0 || z->avail_out == 0));
	return code;
}

static int gunzip(struct flow *f)
{
	z_stream z;
	bool whole = false;
	int code = CLI_OK;

	memset(&z, 0, sizeof(z));
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return fail(f, "out of memory");
	while (code == CLI_OK && f->in_len > 0) {
		code = inflate_chunk(f, &z, &whole);
		if (code == CLI_OK)
			code = refill(f, 0);
	}
	inflateEnd(&z);
	return code == CLI_OK && !whole ? fail(f, "the gzip file is cut off") : code;
}

static int unzstd(struct flow *f)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t left = 1;
	int code = CLI_OK;

	if (!z)
		return fail(f, "out of memory");
	while (code == CLI_OK && f->in_len > 0) {
		ZSTD_inBuffer in = { f->in, f->in_len, 0 };
		ZSTD_outBuffer out;

		do {
			out = (ZSTD_outBuffer){ f->out, CHUNK_BYTES, 0 };
			left = ZSTD_decompressStream(z, &out, &in);
			if (ZSTD_isError(left)) {
				code = fail(f, "the zstd file is damaged");
				break;
			}
			code = emit(f, f->out, out.pos);
		} while (code == CLI_OK && (in.pos < in.size || out.pos == out.size));
		if (code == CLI_OK)
			code = refill(f, 0);
	}
	ZSTD_freeDStream(z);
	return code == CLI_OK && left != 0 ? fail(f, "the zstd file is cut off") : code;
}

static int open_temporary(void)
{
	const char *dir = getenv("TMPDIR");
	struct text name = { 0 };
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	text_printf(&name, "%s/stoa-XXXXXX", dir);
	fd = mkostemp(name.p, O_CLOEXEC);
	if (fd >= 0)
		unlink(name.p);
	else
		report("%s: cannot make a temporary file: %s", dir, strerror(errno));
	text_release(&name);
	return fd;
}

static bool is_gzip(const struct flow *f)
{
	return f->in_len >= 2 && memcmp(f->in, "\x1f\x8b", 2) == 0;
}

static bool is_zstd(const struct flow *f)
{
	return f->in_len >= 4 && memcmp(f->in, "\x28\xb5\x2f\xfd", 4) == 0;
}

/* Puts the bytes of in->fd, unpacked, into a temporary file in its place. */
static int spool(struct input *in, struct flow *f)
{
	int code;

	f->to = open_temporary();
	if (f->to < 0)
		return CLI_FAILURE;
	code = is_gzip(f) ? gunzip(f) : is_zstd(f) ? unzstd(f) : copy(f);
	code = end_conversion(f, code);
	if (code != CLI_OK) {
		close(f->to);
		return code;
	}
	close(in->fd);
	in->fd = f->to;
	snprintf(in->place, sizeof(in->place), "/dev/fd/%d", in->fd);
	in->path = in->place;
	return CLI_OK;
}

/* Reads as much as tells what the file is. */
static int peek(struct flow *f)
{
	size_t before;
	int code;

	do {
		before = f->in_len;
		code = refill(f, before);
	} while (code == CLI_OK && f->in_len > before && f->in_len < 4);
	return code;
}

static int prepare(struct input *in, const char *encoding)
{
	struct flow f = { .name = in->name, .from = in->fd, .encoding = encoding };
	struct stat st;
	bool plain;
	int code;

	f.in = xrealloc(NULL, 2 * CHUNK_BYTES);
	f.out = f.in + CHUNK_BYTES;
	code = peek(&f);
	plain = !is_gzip(&f) && !is_zstd(&f) && !encoding && !encoding_of(f.in, f.in_len);
	if (code == CLI_OK && !(plain && fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)))
		code = spool(in, &f);
	free(f.in);
	return code;
}

int input_open(struct input *in, const char *path, const char *encoding)
{
	int code;

	memset(in, 0, sizeof(*in));
	in->name = strcmp(path, "-") == 0 ? "standard input" : path;
	in->path = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
	in->fd = open(in->path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0) {
		report("%s: %s", in->name, strerror(errno));
		return CLI_FAILURE;
	}
	code = prepare(in, encoding);
	if (code != CLI_OK)
		input_close(in);
	return code;
}

void input_close(struct input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}
