/* SPDX-License-Identifier: MIT */
/*
 * trace_sites.c - which calls of the application have what memory: stoa_trace_sites()
 *
 *     frame 0    the allocator             \
 *     ...        the library                > what is the same in thousands of stacks, or is not
 *     frame k    stoa_insert()             /
 *     frame k+1  load_orders()               the *site*: who called the library
 *     ...        main()
 *
 * sites.h notes stacks of return addresses; here each is cut down to the application's part of it,
 * those that are the same from there on are added up, and they become a tree, main() at its root
 * and sites as its leaves. The library's frame that is asked for is the outermost, so that what a
 * callback of the application allocates is put down to the call that it was called back from.
 *
 * Which frames are the library's, the dynamic linker knows where it is a shared one: those that lie
 * in its file. Linked into the program its file is the program's, and its frames are those of
 * functions named stoa_..., with all that lies within.
 *
 * The root is exact as that of stoa_trace_take() is: what nobody noted has a node of its own.
 */
#include "trace.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/alloc.h"
#include "core/sites.h"

int stoa_trace_start(struct stoa_error *err)
{
	if (!stoa__sites_start())
		return stoa__fail(err, STOA_ESTATE, "call sites are being noted already");
	return STOA_OK;
}

void stoa_trace_stop(void)
{
	stoa__sites_stop();
}

/* ---- whose is a frame? ---- */

#define STARTERS 4u	/* frames at the outer end that may be libc's: _start, two of libc, main */

/* Where files of the process begin in memory. */
struct homes {
	const void *library, *program, *libc;
};

/* Whose file has the instruction before return address @p; *@name receives its function, or NULL. */
static const void *file_of(const void *p, const char **name)
{
	Dl_info info;

	*name = NULL;
	if (!dladdr((const char *)p - 1, &info))
		return NULL;
	*name = info.dli_sname;
	return info.dli_fbase;
}

static struct homes find_homes(void)
{
	const char *name;

	return (struct homes){
		.library = file_of((const char *)&stoa__sites_on + 1, &name),
		.program = file_of((const char *)(uintptr_t)getauxval(AT_PHDR) + 1, &name),
		.libc = file_of((const char *)(uintptr_t)&qsort + 1, &name),
	};
}

static bool is_library(const struct homes *h, const void *frame)
{
	const char *name;

	if (file_of(frame, &name) != h->library)
		return false;
	return h->library != h->program || (name && !strncmp(name, "stoa_", 5));
}

static bool is_libc(const struct homes *h, const void *frame)
{
	const char *name;

	return file_of(frame, &name) == h->libc;
}

/*
 * Leaves the application's calls in @s, the outermost first; none where a thread of the library is
 * all there is. Of a stack deeper than was noted, which ends in the library, its outermost frame.
 */
static void keep_application(const struct homes *h, struct stoa__stack *s)
{
	void *calls[STOA__SITE_DEPTH] = { NULL };
	uint32_t from = s->n, to = s->n, n = 0;

	while (from && !is_library(h, s->frame[from - 1]))
		from--;
	if (from && from == s->n)
		from--;
	/* A thread begins in libc, the first one in what calls it. */
	for (uint32_t i = s->n; from && i > from && i + STARTERS > s->n; i--)
		if (is_libc(h, s->frame[i - 1]))
			to = i - 1;
	for (uint32_t i = to; from && i > from; i--)
		calls[n++] = s->frame[i - 1];
	memcpy(s->frame, calls, sizeof calls);
	s->n = n;
}

/* ---- as a tree ---- */

static int compare_calls(const void *a, const void *b)
{
	const struct stoa__stack *x = a, *y = b;

	for (uint32_t i = 0; i < STOA__SITE_DEPTH; i++)
		if (x->frame[i] != y->frame[i])
			return (uintptr_t)x->frame[i] < (uintptr_t)y->frame[i] ? -1 : 1;
	return 0;
}

/* Adds up stacks with the same calls; how many are left, in order. */
static size_t merge(struct stoa__stack *stacks, size_t n)
{
	size_t n_left = 0;

	qsort(stacks, n, sizeof *stacks, compare_calls);
	for (size_t i = 0; i < n; i++) {
		if (n_left && !compare_calls(&stacks[n_left - 1], &stacks[i])) {
			stacks[n_left - 1].bytes += stacks[i].bytes;
			stacks[n_left - 1].rows += stacks[i].rows;
		} else {
			stacks[n_left++] = stacks[i];
		}
	}
	return n_left;
}

/* As "function (file+0x123)"; see stoa_trace_sites(). */
static void name_call(const void *at, char *name, size_t size)
{
	const char *p = (const char *)at - 1, *file;
	Dl_info info;

	if (!dladdr(p, &info) || !info.dli_fname) {
		snprintf(name, size, "0x%" PRIxPTR, (uintptr_t)p);
		return;
	}
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	snprintf(name, size, info.dli_sname ? "%.80s (%.80s+0x%zx)" : "%.0s%.80s+0x%zx",
		 info.dli_sname ? info.dli_sname : "", file,
		 (size_t)(p - (const char *)info.dli_fbase));
}

static void put_leaf(struct stoa_trace *t, const char *name, int64_t bytes, int64_t rows)
{
	stoa__trace_leaf(t, STOA_TRACE_SITE, name,
			 &(struct stoa__trace_sum){ .memory = bytes, .count = rows });
}

/*
 * Stacks that agree in their first @depth calls, as nodes for the next one each. Returns their
 * rows. No deeper than STOA__SITE_DEPTH.
 */
static int64_t put_calls(struct stoa_trace *t, const struct stoa__stack *s, size_t n, uint32_t depth)
{
	int64_t rows = 0;
	char name[200];

	for (size_t i = 0, end; i < n; i = end) {
		int64_t below;

		for (end = i + 1; end < n && s[end].frame[depth] == s[i].frame[depth];)
			end++;
		name_call(s[i].frame[depth], name, sizeof name);
		if (end == i + 1 && s[i].n == depth + 1) {
			put_leaf(t, name, s[i].bytes, s[i].rows);
			rows += s[i].rows;
			continue;
		}
		stoa__trace_open(t, STOA_TRACE_SITE, name, strlen(name));
		below = 0;
		/* A call by a pointer may lead into the library one time, and on another time. */
		if (s[i].n == depth + 1) {
			put_leaf(t, name, s[i].bytes, s[i].rows);
			below = s[i++].rows;
		}
		below += put_calls(t, s + i, end - i, depth + 1);
		stoa__trace_close(t, below);
		rows += below;
	}
	return rows;
}

/* Writes the trace of @n stacks; @n_bytes are out in all, of which the noting has @own. */
static void put_sites(struct stoa_trace *t, struct stoa__stack *stacks, size_t n, int64_t n_bytes,
		      int64_t own)
{
	struct homes h = find_homes();
	int64_t noted = 0, rows = 0;
	size_t none;

	for (size_t i = 0; i < n; i++) {
		keep_application(&h, &stacks[i]);
		noted += stacks[i].bytes;
	}
	n = merge(stacks, n);
	none = n && !stacks[0].n;
	stoa__trace_open(t, STOA_TRACE_SITE, "call sites", 10);
	rows = put_calls(t, stacks + none, n - none, 0);
	if (none)
		put_leaf(t, "threads of the library", stacks[0].bytes, stacks[0].rows);
	put_leaf(t, "noting it", own, 0);
	put_leaf(t, "before it was started", n_bytes - noted - own, 0);
	stoa__trace_close(t, rows + (none ? stacks[0].rows : 0));
}

int stoa_trace_sites(stoa_trace **out, struct stoa_error *err)
{
	struct stoa__stack *stacks = NULL;
	struct stoa_trace *t = NULL;
	uint64_t own, bytes = stoa__alloc_bytes();
	size_t n = 0;
	int rc = STOA_ENOMEM;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for a trace");
	*out = NULL;
	if (!stoa__sites_are_on())
		return stoa__fail(err, STOA_ESTATE,
				  "call sites are not noted: stoa_trace_start() comes first");
	/* First of all what is to be told: nothing that is allocated here is part of it. */
	if (stoa__sites_copy(&stacks, &n, &own))
		t = stoa__trace_new();
	if (t) {
		put_sites(t, stacks, n, (int64_t)bytes, (int64_t)own);
		rc = stoa__trace_finish(t);
	}
	stoa__free(stacks);
	if (rc < 0) {
		stoa_trace_free(t);
		return stoa__fail_memory(err);
	}
	*out = t;
	return STOA_OK;
}
