/* SPDX-License-Identifier: MIT */
/*
 * tpch_text.c - the pool of text that TPC-H cuts its comments from
 *
 * 300 MiB of sentences, each drawn from a small weighted grammar:
 *
 *     sentence    noun verb T | noun verb prep T | noun verb noun T | noun prep verb ... T
 *     noun        N | J N | J, J N | D J N          N noun, J adjective, D adverb
 *     verb        V | X V | V D | X V D             V verb, X auxiliary
 *     prep        P "the" noun
 *     T           one of . ; : ? ! --, written without a space before it
 *
 * A comment is any run of bytes of it, so it may begin and end inside a word. All draws come from
 * one stream, hence the pool cannot be made in parts; it takes well under a second all the same,
 * because a word is copied as 24 bytes of which only its own length counts.
 *
 * (1) Every word in a table carries the space after it. (2) Between parts of a sentence the last
 * byte written is a space. Source: TPC Benchmark H, section 4.2.2.14, and the weights that its
 * generator's distributions give the words.
 */
#include "tpch.h"

#include <string.h>
#include <sys/mman.h>

#define WORD_BYTES 24
#define PICKS_MAX 512 /* the weights of a table add up to less */
#define SENTENCE_MAX 512

struct word {
	char text[WORD_BYTES - 1];
	uint8_t len;
};

/* One word of a table for each unit of its weight: a draw is an index. */
struct table {
	int n;
	struct word picks[PICKS_MAX];
};

static struct {
	struct table nouns, verbs, adjectives, adverbs, prepositions, auxiliaries, terminators;
	struct table sentences, noun_phrases, verb_phrases;
} grammar;

/* "word weight" or "two words weight", separated by bars. */
static const char nouns[] =
	"packages 40|requests 40|accounts 40|deposits 40|foxes 20|ideas 20|theodolites 20|"
	"pinto beans 20|instructions 20|dependencies 10|excuses 10|platelets 10|asymptotes 10|"
	"courts 5|dolphins 5|multipliers 1|sauternes 1|warthogs 1|frets 1|dinos 1|attainments 1|"
	"somas 1|Tiresias 1|patterns 1|forges 1|braids 1|frays 1|warhorses 1|dugouts 1|"
	"notornis 1|epitaphs 1|pearls 1|tithes 1|waters 1|orbits 1|gifts 1|sheaves 1|depths 1|"
	"sentiments 1|decoys 1|realms 1|pains 1|grouches 1|escapades 1|hockey players 1";
static const char verbs[] =
	"sleep 20|wake 20|are 20|cajole 20|haggle 20|nag 10|use 10|boost 10|affix 5|detect 5|"
	"integrate 5|maintain 1|nod 1|was 1|lose 1|sublate 1|solve 1|thrash 1|promise 1|engage 1|"
	"hinder 1|print 1|x-ray 1|breach 1|eat 1|grow 1|impress 1|mold 1|poach 1|serve 1|run 1|"
	"dazzle 1|snooze 1|doze 1|unwind 1|kindle 1|play 1|hang 1|believe 1|doubt 1";
static const char adverbs[] =
	"sometimes 1|always 1|never 1|furiously 50|slyly 50|carefully 50|blithely 40|quickly 30|"
	"fluffily 20|slowly 1|quietly 1|ruthlessly 1|thinly 1|closely 1|doggedly 1|daringly 1|"
	"bravely 1|stealthily 1|permanently 1|enticingly 1|idly 1|busily 1|regularly 1|finally 1|"
	"ironically 1|evenly 1|boldly 1|silently 1";
static const char adjectives[] =
	"special 20|pending 20|unusual 20|express 20|furious 1|sly 1|careful 1|blithe 1|quick 1|"
	"fluffy 1|slow 1|quiet 1|ruthless 1|thin 1|close 1|dogged 1|daring 1|brave 1|stealthy 1|"
	"permanent 1|enticing 1|idle 1|busy 1|regular 50|final 40|ironic 40|even 30|bold 20|"
	"silent 10";
/* "whithout" is how the specification's generator spells it. */
static const char prepositions[] =
	"about 50|above 50|according to 50|across 50|after 50|against 40|along 40|"
	"alongside of 30|among 30|around 20|at 10|atop 1|before 1|behind 1|beneath 1|beside 1|"
	"besides 1|between 1|beyond 1|by 1|despite 1|during 1|except 1|for 1|from 1|in place of 1|"
	"inside 1|instead of 1|into 1|near 1|of 1|on 1|outside 1|over 1|past 1|since 1|through 1|"
	"throughout 1|to 1|toward 1|under 1|until 1|up 1|upon 1|whithout 1|with 1|within 1";
static const char auxiliaries[] =
	"do 1|may 1|might 1|shall 1|will 1|would 1|can 1|could 1|should 1|ought to 1|must 1|"
	"will have to 1|shall have to 1|could have to 1|should have to 1|must have to 1|need to 1|"
	"try to 1";
static const char terminators[] = ". 50|; 1|: 1|? 1|! 1|-- 1";
static const char sentences[] = "NVT 3|NVPT 3|NVNT 3|NPVNT 1|NPVPT 1";
static const char noun_phrases[] = "N 10|JN 20|J,JN 10|DJN 50";
static const char verb_phrases[] = "V 30|XV 1|VD 40|XVD 1";

/* Reads one of the lists above; @after follows each word. */
static void parse(struct table *t, const char *list, const char *after)
{
	t->n = 0;
	while (*list) {
		size_t size = strcspn(list, "|");
		const char *space = memrchr(list, ' ', size);
		size_t len = (size_t)(space - list);
		struct word w = { .len = (uint8_t)(len + strlen(after)) };

		memcpy(w.text, list, len);
		memcpy(w.text + len, after, strlen(after));
		int weight = 0;
		for (const char *d = space + 1; d < list + size; d++)
			weight = weight * 10 + (*d - '0');
		while (weight-- > 0)
			t->picks[t->n++] = w;
		list += size + (list[size] == '|');
	}
}

static void parse_all(void)
{
	parse(&grammar.nouns, nouns, " ");
	parse(&grammar.verbs, verbs, " ");
	parse(&grammar.adverbs, adverbs, " ");
	parse(&grammar.adjectives, adjectives, " ");
	parse(&grammar.prepositions, prepositions, " the ");
	parse(&grammar.auxiliaries, auxiliaries, " ");
	parse(&grammar.terminators, terminators, " ");
	parse(&grammar.sentences, sentences, "");
	parse(&grammar.noun_phrases, noun_phrases, "");
	parse(&grammar.verb_phrases, verb_phrases, "");
}

static inline const struct word *pick(const struct table *t, uint32_t *seed)
{
	uint64_t x = (uint64_t)*seed * 16807;

	x = (x & 2147483647) + (x >> 31);
	*seed = (uint32_t)(x >= 2147483647 ? x - 2147483647 : x);
	return &t->picks[(int)((double)*seed / 2147483647.0 * t->n)];
}

static inline char *put(char *p, const struct table *t, uint32_t *seed)
{
	const struct word *w = pick(t, seed);

	memcpy(p, w, WORD_BYTES);
	return p + w->len;
}

static char *put_noun_phrase(char *p, uint32_t *seed)
{
	const struct word *form = pick(&grammar.noun_phrases, seed);

	for (int i = 0; i < form->len; i++) {
		switch (form->text[i]) {
		case 'N':
			p = put(p, &grammar.nouns, seed);
			break;
		case 'J':
			p = put(p, &grammar.adjectives, seed);
			break;
		case 'D':
			p = put(p, &grammar.adverbs, seed);
			break;
		case ',':
			p[-1] = ',';
			*p++ = ' ';
			break;
		}
	}
	return p;
}

static char *put_verb_phrase(char *p, uint32_t *seed)
{
	const struct word *form = pick(&grammar.verb_phrases, seed);

	for (int i = 0; i < form->len; i++) {
		switch (form->text[i]) {
		case 'V':
			p = put(p, &grammar.verbs, seed);
			break;
		case 'X':
			p = put(p, &grammar.auxiliaries, seed);
			break;
		case 'D':
			p = put(p, &grammar.adverbs, seed);
			break;
		}
	}
	return p;
}

static char *put_sentence(char *p, uint32_t *seed)
{
	const struct word *form = pick(&grammar.sentences, seed);

	for (int i = 0; i < form->len; i++) {
		switch (form->text[i]) {
		case 'N':
			p = put_noun_phrase(p, seed);
			break;
		case 'V':
			p = put_verb_phrase(p, seed);
			break;
		case 'P':
			p = put(p, &grammar.prepositions, seed);
			p = put_noun_phrase(p, seed);
			break;
		case 'T':
			p = put(p - 1, &grammar.terminators, seed);
			break;
		}
	}
	return p;
}

void tpch_text_fill(char *out, size_t size)
{
	uint32_t seed = 933588178;
	char *p = out;

	parse_all();
	while (p < out + size)
		p = put_sentence(p, &seed);
}

bool tpch_text_init(struct tpch_text *text)
{
	size_t size = TPCH_TEXT_BYTES + SENTENCE_MAX;

	text->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (text->bytes == MAP_FAILED) {
		text->bytes = NULL;
		return false;
	}
	/* Comments come from anywhere in the pool: with small pages each would miss the TLB. */
	madvise(text->bytes, size, MADV_HUGEPAGE);
	tpch_text_fill(text->bytes, TPCH_TEXT_BYTES);
	return true;
}

void tpch_text_release(struct tpch_text *text)
{
	if (text->bytes)
		munmap(text->bytes, TPCH_TEXT_BYTES + SENTENCE_MAX);
	text->bytes = NULL;
}
