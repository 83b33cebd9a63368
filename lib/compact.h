/* SPDX-License-Identifier: MIT */
/*
 * compact.h - row groups rewritten without what is dead in them, while writers and readers go on
 *
 * A *run* is a row of adjacent groups of one table, as some version shows them. Compacting it has
 * four acts:
 *
 *     read      no lock      the rows that exist are read from a version that is held, overlays applied, slots that
 *                            were dropped left out, and encoded as new groups: into a segment file,
 *                            or into heap
 *     rehearse  no lock      the new groups are made, apart from any version, and brought up to a newer one: what was done
 *                            to their rows meanwhile is done to them. As often as need be
 *     install   writer's     a working version on the head adopts the new groups in the place of the old, when the
 *               lock         little that was done since the rehearsal is done to them, too
 *     store     checkpoint   names the new files in the catalog and unlinks the old ones
 *
 * Logically nothing changes, so install writes no log record, and its version has the commit number
 * of the head. A crash before the checkpoint leaves the old catalog and its files, the log, which
 * is logical and does not mind, and the new file, which is an orphan that the next writer removes.
 *
 * What happened since is found by comparing pointers: blocks that a version shows never change, and
 * those of the version that was read, or rehearsed with, cannot be freed while it is held, so a
 * block that is still the same block says what it said. A live block that is another one is
 * compared bit by bit: rows that were members or kept and are members no more are marked in the new
 * group. An overlay page that is another one is copied, row by row, into an overlay of the new
 * group. The base of a group needs no comparing: nothing but compaction replaces the rows of a
 * base, and there is one compaction at a time (a checkpoint's swap gives a group a base with the
 * same rows). One that is over may have installed what is not published yet, though, and the next
 * then reads what is there no more: a run whose rows lie in other groups by now is lost.
 *
 * (1) A row that exists in the head before install exists after it, with the same values, and no
 *     other does.
 * (2) Install takes time by what changed since the rehearsal, and by the number of groups of the
 *     run; where more changed than STOA__PATCH_PAGES pages it does nothing, and one rehearses
 *     again.
 *
 * Comparing by identity instead of logging what writers do: they pay nothing for a compaction that
 * runs.
 */
#ifndef STOA__COMPACT_H
#define STOA__COMPACT_H

#include "db.h"

#define STOA__PATCH_PAGES 64

struct stoa__rewrite;

/*
 * Something to rewrite runs with: @v is held until stoa__rewrite_free(). Any thread; one rewrite in
 * a database at a time.
 */
int stoa__rewrite_new(struct stoa_db *db, struct stoa__version *v, struct stoa__rewrite **out,
		      struct stoa_error *err);
/*
 * Reads and encodes @n adjacent groups of table @table of @v, from @groups[0] on: one run more to
 * be installed. With @cold, chunks are made cold where that makes them smaller.
 */
int stoa__rewrite_run(struct stoa__rewrite *r, const struct stoa__table *table,
		      struct stoa__group *const *groups, size_t n, bool cold,
		      struct stoa_error *err);
/* Bytes of what was encoded so far. */
uint64_t stoa__rewrite_bytes(const struct stoa__rewrite *r);
/* Closes the file; then nothing may be added. */
int stoa__rewrite_finish(struct stoa__rewrite *r, struct stoa_error *err);
size_t stoa__rewrite_n_runs(const struct stoa__rewrite *r);
/*
 * Brings what becomes of run @i up to the published version. STOA_OK; STOA_ESTATE, without words,
 * if its table has gone, its rows were moved, or it was installed or lost; other errors: it is lost.
 */
int stoa__rewrite_rehearse(struct stoa__rewrite *r, size_t i, struct stoa_error *err);
/*
 * Installs run @i, which was rehearsed; the writer's lock is held. STOA_OK; STOA_EBUSY, without
 * words, if too much has changed since the rehearsal; STOA_ESTATE as above; other errors: it is
 * lost. In all cases but the first the head is as before.
 */
int stoa__rewrite_install(struct stoa__rewrite *r, size_t i, struct stoa_error *err);
/*
 * For recovery, whose new tables nobody else sees: adds what becomes of run @i, when the rewrite is
 * finished, to the table of that number in @w, behind all rows that it has. And the number of the
 * file that the groups lie in, 0 where there is none, which is the caller's to remove from then on.
 */
int stoa__rewrite_append(struct stoa__rewrite *r, size_t i, struct stoa__version *w,
			 struct stoa_error *err);
uint64_t stoa__rewrite_take_file(struct stoa__rewrite *r);
/* Gives up @v, and removes a file of which nothing was installed. */
void stoa__rewrite_free(struct stoa__rewrite *r);

/* Rows and groups of run @i: what was read and what was made of it. */
struct stoa__run_counts {
	uint64_t rows_moved, rows_dropped;
	uint64_t bytes_read, bytes_made;	/* of chunks */
	uint32_t groups_read, groups_made;
};
struct stoa__run_counts stoa__rewrite_counts(const struct stoa__rewrite *r, size_t i);

/* survivors.c: the rows of a new group, column by column. */

/* Rows of an old group that go on in a new one, from row @at of it. */
struct stoa__part {
	const struct stoa__group *group;
	const uint16_t *rows;	/* of @group, ascending */
	uint32_t n;
	uint32_t at;
};

struct stoa__gatherer;
int stoa__gatherer_new(struct stoa__gatherer **out);
void stoa__gatherer_free(struct stoa__gatherer *g);
/*
 * Encodes all slots of @schema, and the map of rowids, of the rows in @parts into @im; with @cold,
 * cold.
 */
int stoa__gather(struct stoa__gatherer *g, const struct stoa__schema *schema,
		 const struct stoa__part *parts, size_t n_parts, uint32_t n_rows,
		 const uint64_t *rowids, bool cold, struct stoa__images *im,
		 struct stoa_error *err);

#endif
