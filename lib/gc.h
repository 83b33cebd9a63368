/* SPDX-License-Identifier: MIT */
/*
 * gc.h - the collector: which row groups are rewritten, and when
 *
 * A group has a *generation*: 0 as it was sealed or loaded, one more each time it is rewritten, up
 * to 2. Its *garbage* is what a rewrite would give back, in bytes: dead rows, slots that were
 * dropped, pages of overlays, and its share of what nobody uses any more in its file. It is *due*
 * when that is a certain part of its bytes, a larger part the older it is. Neighbours that are due
 * make a run, and small ones between them come along; small groups alone are merged when four of
 * them lie side by side, so that a row is moved as often as a logarithm. Young groups are looked at
 * in each pass, those of generation 1 in every second, of generation 2 in every fourth.
 *
 * That is by group; all garbage together may be half of what thresholds allow each group, and what
 * is more goes at once, the worst groups first.
 *
 * A pass begins when writers have made so much garbage since the last (counted in history.garbage,
 * one add for each row deleted). It runs in a thread of its own and not in the checkpointer's: it
 * needs a processor for seconds, and meanwhile the log must not grow. The thread is started with
 * the first pass, so that a database that nobody deletes from has none.
 *
 * While files are rewritten old and new are both there. So a pass works in portions, a 32nd of
 * all files each, and has a checkpoint let go of the old after each; and writers who make garbage
 * faster than it is taken away wait for the end of the pass (background.c).
 *
 * The bytes of rows are what thresholds are about, never process memory: a pass does the same work
 * on any machine. Generations by survival: Lieberman and Hewitt, "A real-time garbage collector
 * based on the lifetimes of objects", CACM 1983; rewriting what is emptiest, and the old at another
 * rate than the young: Rosenblum and Ousterhout, "The design and implementation of a log-structured
 * file system", TOCS 1992.
 */
#ifndef STOA__GC_H
#define STOA__GC_H

#include <pthread.h>
#include <stdatomic.h>

#include "base.h"

struct stoa__gc {
	pthread_mutex_t running;	/* held through a collection; taken before the writer's lock */
	_Atomic bool disabled;
	_Atomic bool cancel;		/* what runs is to end soon */
	_Atomic uint64_t wake_at;	/* history.garbage that starts the next pass */
	_Atomic uint64_t pace_at;	/* that has writers wait for the end of the one that runs */

	pthread_mutex_t mutex;		/* a leaf; guards the fields below */
	unsigned threshold[STOA__GENERATIONS];	/* percent of a group's bytes */
	uint64_t frozen;		/* groups made up to this stamp are left alone */
	struct stoa_gc_stats stats[STOA__GENERATIONS];
	stoa_gc_callback *callback;
	void *ctx;
	/*
	 * Files of rewrites, by the version of the last install, or UINT64_MAX while there may be
	 * more. A checkpoint of an older version leaves them, though it may not name them: what was
	 * installed first may have gone before the last is. One of that version or a later one
	 * names them, or finds that all that was in them has gone, and removes them.
	 */
	struct stoa__fresh_file {
		uint64_t file, stamp;
	} *fresh;
	size_t n_fresh, cap_fresh;

	/* the collection's own */
	unsigned n_passes;
};

int stoa__gc_init(struct stoa_db *db);
void stoa__gc_release(struct stoa_db *db);
/*
 * Has a writer made enough garbage for a pass, or left the collector something else to do? One load
 * and one comparison, for every commit.
 */
bool stoa__gc_is_due(struct stoa_db *db, bool more);
/* Do writers make garbage faster than the pass that runs can follow? */
bool stoa__gc_is_outrun(struct stoa_db *db);
/* Notes a file that a rewrite is about to make. STOA_OK or STOA_ENOMEM. */
int stoa__gc_note_file(struct stoa_db *db, uint64_t file);
/* Nothing of it will be installed any more; @stamp is the last install's, or 0: nothing was. */
void stoa__gc_file_done(struct stoa_db *db, uint64_t file, uint64_t stamp);
/* Has a checkpoint of a version with @stamp to leave a file that it does not name? */
bool stoa__gc_keeps_file(struct stoa_db *db, uint64_t file, uint64_t stamp);
/*
 * A checkpoint of a version with @stamp is done: forgets files noted up to it, and removes those
 * that are not @used.
 */
void stoa__gc_settle_files(struct stoa_db *db, uint64_t stamp,
			   bool (*used)(const void *ctx, uint64_t file), const void *ctx);
/* A pass in the background, of the generations whose turn it is. Was there something to do? */
bool stoa__gc_pass(struct stoa_db *db);

#endif
