/* SPDX-License-Identifier: MIT */
/* run.c - see run.h */
#include "run.h"

#include "../lib/core/clock.h"
#include "../lib/core/error.h"

#define REPORT_NS UINT64_C(100000000)	/* between two reports */

void stoa__run_enter(struct stoa__run *run)
{
	run->caller = pthread_self();
	if (stoa__run_is_watched(run) && !run->begun)
		run->begun = run->reported = stoa__now_ns();
}

/* Tells the application, if it is time. */
static void report(struct stoa__run *run)
{
	struct stoa__watch *w = run->watch;
	stoa_progress_fn *progress = w ? w->progress : NULL;
	uint64_t now;

	if (!progress || !pthread_equal(run->caller, pthread_self()))
		return;
	now = stoa__now_ns();
	if (now - run->reported < REPORT_NS)
		return;
	struct stoa_query_progress p = { run->n_read, run->n_total, (double)(now - run->begun) / 1e9 };
	if (p.rows > p.total_rows)	/* a table may be read more than once */
		p.rows = p.total_rows;
	run->reported = now;
	if (progress(w->ctx, &p))
		atomic_store(&w->canceled, true);
}

int stoa__run_check(struct stoa__run *run, struct stoa_error *err)
{
	report(run);
	if (!atomic_load_explicit(&run->stop, memory_order_relaxed) &&
	    !(run->watch && atomic_load_explicit(&run->watch->canceled, memory_order_relaxed)))
		return STOA_OK;
	return stoa__fail(err, STOA_ECANCELED, "the query was canceled");
}
