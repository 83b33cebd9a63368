/* SPDX-License-Identifier: MIT */
/*
 * fsst_train.c - learning a symbol table from a sample
 *
 * A few rounds, each over more of the sample than the one before. A round compresses with the
 * table it has and counts how often each symbol was used, and each pair of neighbours. The next
 * table is made of the best of all these and of all neighbours joined: symbols so grow up to twice
 * their length in a round, and the greedy encoder's habits are part of what is measured. The gain
 * of a symbol is its length times its count. The last round joins nothing, as nobody would measure
 * the new ones.
 *
 * In counting, a byte that had to be escaped is a symbol too, with the id of its value; the
 * table's symbols come after them. A symbol's first byte is counted beside it, as the encoder
 * might have begun with that alone: without it, single bytes that long symbols cover would be lost
 * and never come back.
 *
 * Everything is fixed, ties included: equal values learn equal tables. Four rounds instead of five
 * would save a fifth of the time and cost 1 to 12% of what is compressed, sentences most.
 */
#include <string.h>

#include "alloc.h"
#include "fsst_encoder.h"

#define SAMPLE_BYTES 16384
#define PIECE_BYTES 512		/* of a longer value a piece like this is taken */
#define PIECES_MAX 4096
#define N_IDS 512		/* bytes, then symbols */
#define PAIRS_MAX 32768		/* two for each byte of the sample */
#define CANDIDATE_SLOTS 8192
#define CANDIDATES_MAX 6000	/* only noise has more, whose rest is passed over */
#define BEST_MAX 400		/* more than fit a table: some will be turned away */
#define SYMBOLS_MAX 255
#define N_ROUNDS 5

/* 128ths of the sample that each round looks at. */
static const unsigned round_share[N_ROUNDS] = { 8, 38, 68, 98, 128 };

struct symbol {
	uint64_t bytes;
	uint32_t gain;
	uint32_t len;
};

struct trainer {
	uint8_t sample[SAMPLE_BYTES + 8];
	uint16_t piece_len[PIECES_MAX];
	unsigned n_pieces;
	size_t sample_len;
	uint32_t used[N_IDS];
	uint16_t pairs[N_IDS * N_IDS];	/* how often id first * N_IDS + second was seen */
	uint32_t seen[PAIRS_MAX];	/* which of them are not 0 */
	unsigned n_seen;
	uint16_t places[CANDIDATE_SLOTS];	/* by hash: index of a candidate + 1; 0: none */
	struct symbol candidates[CANDIDATES_MAX];
	unsigned n_candidates;
	struct symbol best[BEST_MAX];	/* a heap, the least at the top */
	unsigned n_best;
};

/* ---- the table being built -------------------------------------------------------------- */

static void encoder_reset(struct stoa__fsst_encoder *e)
{
	memset(e->longs.symbol, 0, sizeof e->longs.symbol);
	memset(e->longs.mask, 0xff, sizeof e->longs.mask);
	memset(e->longs.move, 0, sizeof e->longs.move);
	e->longs.symbol[0] = 1;
	memset(&e->table, 0, sizeof e->table);
	e->n = 0;
}

/*
 * What to do with whatever is not long, once the table is known: a row of moves by the first byte,
 * the same whatever the second is, and symbols of two bytes put over that.
 */
static void fill_shorts(struct stoa__fsst_encoder *e)
{
	uint16_t singles[256];

	for (size_t byte = 0; byte < 256; byte++)
		singles[byte] = stoa__fsst_move(STOA__FSST_ESCAPE, 1, 2);
	for (unsigned code = 0; code < e->n; code++)
		if (e->table.len[code] == 1)
			singles[e->table.symbol[code]] = stoa__fsst_move(code, 1, 1);
	for (size_t next = 0; next < 256; next++)
		memcpy(&e->shorts[next << 8], singles, sizeof singles);
	for (unsigned code = 0; code < e->n; code++)
		if (e->table.len[code] == 2)
			e->shorts[e->table.symbol[code]] = stoa__fsst_move(code, 2, 1);
}

static bool add_long(struct stoa__fsst_encoder *e, const struct symbol *s)
{
	uint32_t at = stoa__fsst_hash(s->bytes);

	if (e->longs.move[at])
		return false;
	e->longs.symbol[at] = s->bytes;
	e->longs.mask[at] = UINT64_MAX >> (64 - 8 * s->len);
	e->longs.move[at] = stoa__fsst_move(e->n, s->len, 1);
	return true;
}

/* Has the symbol a byte that is a mark of the encoder's? */
static bool has_mark(const struct symbol *s)
{
	for (unsigned i = 0; i < s->len; i++)
		if ((s->bytes >> 8 * i & 0xff) >= STOA__FSST_STOP)
			return true;
	return false;
}

/* False when the symbol's place is taken, or it may have none: see stoa__fsst_best(). */
static bool encoder_add(struct stoa__fsst_encoder *e, const struct symbol *s)
{
	if (has_mark(s) || (s->len == 2 && s->bytes < 256) || (s->len > 2 && !add_long(e, s)))
		return false;
	e->table.symbol[e->n] = s->bytes;
	e->table.len[e->n] = (uint8_t)s->len;
	e->n++;
	return true;
}

/* ---- the sample ------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	return x;
}

static void take_piece(struct trainer *t, const uint8_t *p, size_t len)
{
	if (len > SAMPLE_BYTES - t->sample_len)
		len = SAMPLE_BYTES - t->sample_len;
	if (len == 0 || t->n_pieces == PIECES_MAX)
		return;
	memcpy(t->sample + t->sample_len, p, len);
	t->sample_len += len;
	t->piece_len[t->n_pieces++] = (uint16_t)len;
}

/*
 * Takes the values that hold every @step-th byte, more or less (a column may well repeat with some
 * period); so a value is taken in proportion to its length. Of a long one, a piece.
 */
static void take_sample(struct trainer *t, const uint8_t *bytes, const uint32_t *lens, size_t n,
			uint64_t step)
{
	uint64_t at = 0, next = 0, n_taken = 0;

	for (size_t i = 0; i < n && t->sample_len < SAMPLE_BYTES; i++) {
		uint64_t end = at + lens[i];

		while (next < end) {
			uint64_t from = lens[i] <= PIECE_BYTES ? at : next > at ? next : at;
			uint64_t len = end - from < PIECE_BYTES ? end - from : PIECE_BYTES;

			take_piece(t, bytes + from, len);
			n_taken++;
			next = n_taken * step + (step > 1 ? mix(n_taken) % step : 0);
			if (next < from + len)
				next = from + len;
		}
		at = end;
		bytes++;	/* its mark */
	}
}

static void sample(struct trainer *t, const uint8_t *bytes, const uint32_t *lens, size_t n)
{
	uint64_t total = 0, step = 1;

	for (size_t i = 0; i < n; i++)
		total += lens[i];
	if (total > SAMPLE_BYTES) {
		uint64_t piece = total / n < PIECE_BYTES ? total / n + 1 : PIECE_BYTES;

		step = total / (SAMPLE_BYTES / piece + 1) + 1;
	}
	take_sample(t, bytes, lens, n, step);
}

/* ---- counting --------------------------------------------------------------------------- */

static void count_pair(struct trainer *t, unsigned first, unsigned second)
{
	uint32_t pair = first * N_IDS + second;

	t->seen[t->n_seen] = pair;
	t->n_seen += t->pairs[pair]++ == 0;
}

static void forget_pairs(struct trainer *t)
{
	for (unsigned i = 0; i < t->n_seen; i++)
		t->pairs[t->seen[i]] = 0;
	t->n_seen = 0;
}

static void count_piece(struct trainer *t, const struct stoa__fsst_encoder *e, const uint8_t *p,
			size_t len, bool with_pairs)
{
	const uint8_t *end = p + len;
	unsigned previous = N_IDS;

	while (p < end) {
		unsigned move = stoa__fsst_best(e, stoa__load_u64(p), (size_t)(end - p));
		unsigned code = move & 0xff, eats = stoa__fsst_eats(move);
		unsigned id = code == STOA__FSST_ESCAPE ? *p : 256 + code;

		t->used[id]++;
		if (eats > 1)
			t->used[*p]++;
		if (with_pairs && previous != N_IDS) {
			count_pair(t, previous, id);
			if (eats > 1)
				count_pair(t, previous, *p);
		}
		previous = id;
		p += eats;
	}
}

static void count(struct trainer *t, const struct stoa__fsst_encoder *e, unsigned share,
		  bool with_pairs)
{
	const uint8_t *p = t->sample;

	memset(t->used, 0, sizeof t->used);
	forget_pairs(t);
	for (unsigned i = 0; i < t->n_pieces; i++) {
		/* A few pieces are all looked at always: a share of them would be nothing. */
		if (t->n_pieces < 32 || mix(i + 1) % 128 < share)
			count_piece(t, e, p, t->piece_len[i], with_pairs);
		p += t->piece_len[i];
	}
}

/* ---- choosing --------------------------------------------------------------------------- */

/* One symbol may come about as several pairs; their gains add up. */
static void propose(struct trainer *t, uint64_t bytes, unsigned len, uint32_t gain)
{
	size_t slot = mix(bytes * 8 + len) % CANDIDATE_SLOTS;
	struct symbol *s;

	for (; t->places[slot]; slot = (slot + 1) % CANDIDATE_SLOTS) {
		s = &t->candidates[t->places[slot] - 1];
		if (s->bytes == bytes && s->len == len) {
			s->gain += gain;
			return;
		}
	}
	if (t->n_candidates == CANDIDATES_MAX)
		return;
	t->candidates[t->n_candidates++] = (struct symbol){ bytes, gain, len };
	t->places[slot] = (uint16_t)t->n_candidates;
}

static struct symbol symbol_of(const struct stoa__fsst_encoder *e, unsigned id)
{
	struct symbol s = { id, 0, 1 };

	if (id >= 256) {
		s.bytes = e->table.symbol[id - 256];
		s.len = e->table.len[id - 256];
	}
	return s;
}

static void propose_singles(struct trainer *t, const struct stoa__fsst_encoder *e, uint32_t n_min)
{
	for (unsigned id = 0; id < 256 + e->n; id++) {
		struct symbol s = symbol_of(e, id);

		/* A byte without a symbol costs two; hence its weight (the paper's, by trial). */
		if (t->used[id] >= n_min)
			propose(t, s.bytes, s.len, t->used[id] * (s.len == 1 ? 8 : s.len));
	}
}

static void propose_pairs(struct trainer *t, const struct stoa__fsst_encoder *e, uint32_t n_min)
{
	for (unsigned i = 0; i < t->n_seen; i++) {
		uint32_t pair = t->seen[i], n = t->pairs[pair];
		struct symbol a, b;
		unsigned len;

		if (n < n_min)
			continue;
		a = symbol_of(e, pair / N_IDS);
		b = symbol_of(e, pair % N_IDS);
		if (a.len == STOA__FSST_SYMBOL_MAX)
			continue;
		len = a.len + b.len;
		if (len > STOA__FSST_SYMBOL_MAX)
			len = STOA__FSST_SYMBOL_MAX;
		a.bytes |= b.bytes << (8 * a.len);
		propose(t, a.bytes, len, n * len);
	}
}

/* Is @a of less use than @b? Never both ways, so that the order is one. */
static bool worse(const struct symbol *a, const struct symbol *b)
{
	if (a->gain != b->gain)
		return a->gain < b->gain;
	return a->bytes != b->bytes ? a->bytes > b->bytes : a->len > b->len;
}

static void sift_down(struct symbol *heap, unsigned n, unsigned i)
{
	struct symbol s = heap[i];

	for (;;) {
		unsigned child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && worse(&heap[child + 1], &heap[child]))
			child++;
		if (!worse(&heap[child], &s))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = s;
}

static void keep_best(struct trainer *t)
{
	t->n_best = 0;
	for (unsigned i = 0; i < t->n_candidates; i++) {
		const struct symbol *s = &t->candidates[i];

		if (t->n_best < BEST_MAX) {
			t->best[t->n_best++] = *s;
			if (t->n_best == BEST_MAX)
				for (unsigned j = BEST_MAX / 2; j-- > 0;)
					sift_down(t->best, BEST_MAX, j);
		} else if (worse(&t->best[0], s)) {
			t->best[0] = *s;
			sift_down(t->best, BEST_MAX, 0);
		}
	}
	if (t->n_best < BEST_MAX)
		for (unsigned j = t->n_best / 2; j-- > 0;)
			sift_down(t->best, t->n_best, j);
}

/* Turns the heap of the best into an array, the best first. */
static void sort_best(struct trainer *t)
{
	for (unsigned n = t->n_best; n > 1; n--) {
		struct symbol least = t->best[0];

		t->best[0] = t->best[n - 1];
		t->best[n - 1] = least;
		sift_down(t->best, n - 1, 0);
	}
}

static void choose(struct trainer *t, struct stoa__fsst_encoder *e, unsigned share, bool with_pairs)
{
	uint32_t n_min = 5 * share / 128;	/* what is seen less often is noise */

	if (n_min < 2)
		n_min = 2;
	memset(t->places, 0, sizeof t->places);
	t->n_candidates = 0;
	propose_singles(t, e, n_min);
	if (with_pairs)
		propose_pairs(t, e, n_min);
	keep_best(t);
	sort_best(t);
	encoder_reset(e);
	for (unsigned i = 0; i < t->n_best && e->n < SYMBOLS_MAX; i++)
		encoder_add(e, &t->best[i]);
	fill_shorts(e);
}

/* No symbol begins with a mark: what their two-byte entries have to say is free. */
static void add_marks(struct stoa__fsst_encoder *e)
{
	for (size_t next = 0; next < 256; next++) {
		e->shorts[STOA__FSST_END | next << 8] = STOA__FSST_MOVE_END;
		e->shorts[STOA__FSST_STOP | next << 8] = STOA__FSST_MOVE_STOP;
	}
}

static double measure(const struct trainer *t, const struct stoa__fsst_encoder *e)
{
	const uint8_t *p = t->sample;
	size_t written = 0;

	for (unsigned i = 0; i < t->n_pieces; i++) {
		const uint8_t *end = p + t->piece_len[i];

		while (p < end) {
			unsigned move = stoa__fsst_best(e, stoa__load_u64(p), (size_t)(end - p));

			written += stoa__fsst_writes(move);
			p += stoa__fsst_eats(move);
		}
	}
	return t->sample_len ? (double)written / (double)t->sample_len : 1;
}

struct stoa__fsst_encoder *stoa__fsst_encoder_new(const uint8_t *bytes, const uint32_t *lens,
						  size_t n)
{
	struct stoa__fsst_encoder *e = stoa__alloc(sizeof *e);
	struct trainer *t = stoa__calloc(1, sizeof *t);

	if (!e || !t) {
		stoa__free(e);
		stoa__free(t);
		return NULL;
	}
	sample(t, bytes, lens, n);
	encoder_reset(e);
	fill_shorts(e);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		bool with_pairs = i + 1 < N_ROUNDS;

		count(t, e, round_share[i], with_pairs);
		choose(t, e, round_share[i], with_pairs);
	}
	e->ratio = measure(t, e);
	add_marks(e);
	stoa__free(t);
	return e;
}
