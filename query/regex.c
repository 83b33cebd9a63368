/* SPDX-License-Identifier: MIT */
/*
 * regex.c - regular expressions, by PCRE2
 *
 * A function is called with its pattern row by row, and a pattern is dear to compile, so each
 * thread keeps those it used last, compiled, by their text and flags: a handful, taken in turn for
 * a new one. They go with the thread.
 *
 * The dialect is Perl's; the defaults are PostgreSQL's: . matches a newline too, and ^ and $ only
 * the ends of the string. A match is given up after MATCH_MAX steps: patterns may come from users,
 * and some take exponential time.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <pcre2.h>
#include <pthread.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"

#define KEPT 8
#define MATCH_MAX 10000000
#define HEAP_MAX_KB 20000

struct stoa__regex {
	char *text;
	uint32_t len;
	uint32_t options;
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;	/* the cache's */
};

struct cache {
	pcre2_general_context *memory;
	pcre2_match_context *limits;
	struct stoa__regex items[KEPT];
	size_t next;	/* to be replaced */
};

/* ---- a thread's ------------------------------------------------------------------------------ */

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_key;

static void item_release(struct stoa__regex *r)
{
	pcre2_match_data_free(r->match);
	pcre2_code_free(r->code);
	stoa__free(r->text);
	memset(r, 0, sizeof *r);
}

static void cache_free(void *p)
{
	struct cache *c = p;

	for (size_t i = 0; i < KEPT; i++)
		item_release(&c->items[i]);
	pcre2_match_context_free(c->limits);
	pcre2_general_context_free(c->memory);
	stoa__free(c);
}

static void make_key(void)
{
	have_key = pthread_key_create(&key, cache_free) == 0;
}

static void *take(PCRE2_SIZE size, void *data)
{
	(void)data;
	return stoa__alloc(size);
}

static void give(void *p, void *data)
{
	(void)data;
	stoa__free(p);
}

static struct cache *cache_new(void)
{
	struct cache *c = stoa__calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->memory = pcre2_general_context_create(take, give, NULL);
	c->limits = c->memory ? pcre2_match_context_create(c->memory) : NULL;
	if (!c->limits || pthread_setspecific(key, c) != 0) {
		cache_free(c);
		return NULL;
	}
	pcre2_set_match_limit(c->limits, MATCH_MAX);
	pcre2_set_heap_limit(c->limits, HEAP_MAX_KB);
	return c;
}

static struct cache *cache_get(void)
{
	pthread_once(&once, make_key);
	if (!have_key)
		return NULL;
	struct cache *c = pthread_getspecific(key);
	return c ? c : cache_new();
}

/* ---- patterns -------------------------------------------------------------------------------- */

static int read_flags(struct stoa__call *call, struct stoa_bytes flags, uint32_t *options)
{
	*options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
	for (uint32_t i = 0; i < flags.len; i++) {
		switch (flags.p[i]) {
		case 'g': break;
		case 'c': *options &= ~(uint32_t)PCRE2_CASELESS; break;
		case 'i': *options |= PCRE2_CASELESS; break;
		case 'x': *options |= PCRE2_EXTENDED; break;
		case 'm':
		case 'n':
			*options |= PCRE2_MULTILINE;
			*options &= ~(uint32_t)(PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY);
			break;
		case 's':
			*options &= ~(uint32_t)PCRE2_MULTILINE;
			*options |= PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
			break;
		default:
			return stoa__call_fail(call, STOA_EINVAL,
					       "'%c' is no flag of a regular expression: c, g, i, m, "
					       "n, s and x are",
					       flags.p[i]);
		}
	}
	return STOA_OK;
}

static int compile(struct stoa__call *call, struct cache *c, struct stoa_bytes pattern,
		   uint32_t options, struct stoa__regex *r)
{
	pcre2_compile_context *context = pcre2_compile_context_create(c->memory);
	unsigned char words[200];
	PCRE2_SIZE at;
	int error;

	r->text = stoa__strndup(pattern.p, pattern.len);
	if (!context || !r->text) {
		pcre2_compile_context_free(context);
		return stoa__fail_memory(call->err);
	}
	r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options, &error, &at, context);
	pcre2_compile_context_free(context);
	if (!r->code && error == PCRE2_ERROR_HEAP_FAILED)
		return stoa__fail_memory(call->err);
	if (!r->code) {
		pcre2_get_error_message(error, words, sizeof words);
		return stoa__call_fail(call, STOA_ESYNTAX,
				       "the regular expression is wrong at character %zu: %s",
				       (size_t)at + 1, (const char *)words);
	}
	r->match = pcre2_match_data_create_from_pattern(r->code, c->memory);
	if (!r->match)
		return stoa__fail_memory(call->err);
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);	/* faster where there is one */
	r->len = pattern.len;
	r->options = options;
	r->limits = c->limits;
	return STOA_OK;
}

int stoa__regex_get(struct stoa__call *call, struct stoa_bytes pattern, struct stoa_bytes flags,
		    struct stoa__regex **out)
{
	struct cache *c = cache_get();
	uint32_t options;

	if (!c)
		return stoa__fail_memory(call->err);
	STOA_TRY(read_flags(call, flags, &options));
	for (size_t i = 0; i < KEPT; i++) {
		struct stoa__regex *r = &c->items[i];
		if (r->code && r->options == options && r->len == pattern.len &&
		    !memcmp(r->text, pattern.p, pattern.len)) {
			*out = r;
			return STOA_OK;
		}
	}
	struct stoa__regex *r = &c->items[c->next];
	c->next = (c->next + 1) % KEPT;
	item_release(r);
	int rc = compile(call, c, pattern, options, r);
	if (rc < 0)
		item_release(r);
	*out = r;
	return rc;
}

/* ---- matches --------------------------------------------------------------------------------- */

int stoa__regex_find(struct stoa__call *call, struct stoa__regex *r, struct stoa_bytes s,
		     size_t from)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.len, from,
			     PCRE2_NO_UTF_CHECK, r->match, r->limits);

	if (rc > 0)
		return STOA_ROW;
	if (rc == PCRE2_ERROR_NOMATCH)
		return STOA_END;
	if (rc == PCRE2_ERROR_NOMEMORY)
		return stoa__fail_memory(call->err);
	return stoa__call_fail(call, STOA_EFULL,
			       "the regular expression takes too long on a string of %u bytes",
			       s.len);
}

bool stoa__regex_group(const struct stoa__regex *r, uint32_t i, size_t *from, size_t *to)
{
	const PCRE2_SIZE *places = pcre2_get_ovector_pointer(r->match);

	if (i >= pcre2_get_ovector_count(r->match) || places[2 * i] == PCRE2_UNSET ||
	    places[2 * i + 1] < places[2 * i])
		return false;
	*from = places[2 * i];
	*to = places[2 * i + 1];
	return true;
}

uint32_t stoa__regex_n_groups(const struct stoa__regex *r)
{
	return pcre2_get_ovector_count(r->match) - 1;
}
