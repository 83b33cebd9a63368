/* SPDX-License-Identifier: MIT */
/*
 * func_format.c - timestamps as text of a wanted form: strftime() and to_char()
 *
 * Both read a format piece by piece, in two languages: that of C, and PostgreSQL's templates. Names
 * are English, whatever the locale. A first pass counts bytes, a second writes them.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "func.h"

#define DAY_MICROS INT64_C(86400000000)

static const char *const months[] = { "January", "February", "March", "April", "May", "June",
				      "July", "August", "September", "October", "November",
				      "December" };
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
				    "Friday", "Saturday" };

struct moment {
	int64_t year;
	unsigned month, day;		/* from 1 */
	unsigned hour, minute, second, micro;
	unsigned of_year;		/* from 1 */
	unsigned of_week;		/* from Sunday, 0 */
};

static struct moment moment_of(int64_t ts)
{
	int64_t day = ts / DAY_MICROS - (ts % DAY_MICROS < 0), rest = ts - day * DAY_MICROS;
	struct moment m;

	stoa__civil_from_days((int32_t)day, &m.year, &m.month, &m.day);
	m.of_year = (unsigned)(day - stoa__days_from_civil(m.year, 1, 1)) + 1;
	m.of_week = (unsigned)(((day % 7) + 11) % 7);	/* 1970-01-01 was a Thursday */
	m.micro = (unsigned)(rest % 1000000);
	m.second = (unsigned)(rest / 1000000 % 60);
	m.minute = (unsigned)(rest / 60000000 % 60);
	m.hour = (unsigned)(rest / INT64_C(3600000000));
	return m;
}

static unsigned hour12(const struct moment *m)
{
	return m->hour % 12 ? m->hour % 12 : 12;
}

/* ---- C's ------------------------------------------------------------------------------------- */

/* What %@c stands for, into @buf; bytes, 0 if there is no such thing. */
static int c_piece(const struct moment *m, char c, char *buf, size_t size)
{
	switch (c) {
	case 'Y': return snprintf(buf, size, "%lld", (long long)m->year);
	case 'y': return snprintf(buf, size, "%02d", (int)(m->year % 100));
	case 'm': return snprintf(buf, size, "%02u", m->month);
	case 'd': return snprintf(buf, size, "%02u", m->day);
	case 'e': return snprintf(buf, size, "%2u", m->day);
	case 'j': return snprintf(buf, size, "%03u", m->of_year);
	case 'H': return snprintf(buf, size, "%02u", m->hour);
	case 'I': return snprintf(buf, size, "%02u", hour12(m));
	case 'M': return snprintf(buf, size, "%02u", m->minute);
	case 'S': return snprintf(buf, size, "%02u", m->second);
	case 'f': return snprintf(buf, size, "%06u", m->micro);
	case 'p': return snprintf(buf, size, "%s", m->hour < 12 ? "AM" : "PM");
	case 'a': return snprintf(buf, size, "%.3s", days[m->of_week]);
	case 'A': return snprintf(buf, size, "%s", days[m->of_week]);
	case 'b': return snprintf(buf, size, "%.3s", months[m->month - 1]);
	case 'B': return snprintf(buf, size, "%s", months[m->month - 1]);
	case 'u': return snprintf(buf, size, "%u", m->of_week ? m->of_week : 7);
	case 'w': return snprintf(buf, size, "%u", m->of_week);
	case 'F':
		return snprintf(buf, size, "%lld-%02u-%02u", (long long)m->year, m->month, m->day);
	case 'T': return snprintf(buf, size, "%02u:%02u:%02u", m->hour, m->minute, m->second);
	case '%': return snprintf(buf, size, "%%");
	default: return 0;
	}
}

/* ---- PostgreSQL's ---------------------------------------------------------------------------- */

/* A longer one stands before its beginnings. */
static const char *const templates[] = { "YYYY", "YY", "MM", "MONTH", "Month", "month", "MON", "Mon",
					 "mon", "MI", "MS", "DDD", "DD", "DAY", "Day", "day", "DY",
					 "Dy", "dy", "D", "HH24", "HH12", "HH", "SS", "US", "ID",
					 "AM", "PM", "am", "pm", "Q" };

static int put_name(const char *name, const char *like, bool cut, char *buf, size_t size)
{
	int n = snprintf(buf, size, cut ? "%.3s" : "%s", name);

	for (int i = 0; i < n; i++) {
		bool upper = like[i ? 1 : 0] >= 'A' && like[i ? 1 : 0] <= 'Z';
		buf[i] = upper ? (char)(buf[i] & ~0x20) : (char)(buf[i] | 0x20);
	}
	return n;
}

static int pg_piece(const struct moment *m, const char *t, char *buf, size_t size)
{
	switch (t[0] & ~0x20) {
	case 'Y':
		return strlen(t) == 4 ? snprintf(buf, size, "%04lld", (long long)m->year) :
					snprintf(buf, size, "%02d", (int)(m->year % 100));
	case 'H': return snprintf(buf, size, "%02u", t[2] == '2' ? m->hour : hour12(m));
	case 'S': return snprintf(buf, size, "%02u", m->second);
	case 'U': return snprintf(buf, size, "%06u", m->micro);
	case 'I': return snprintf(buf, size, "%u", m->of_week ? m->of_week : 7);
	case 'Q': return snprintf(buf, size, "%u", (m->month + 2) / 3);
	case 'A':
	case 'P': return put_name(m->hour < 12 ? "am" : "pm", t, false, buf, size);
	case 'M':
		if (!strcmp(t, "MM"))
			return snprintf(buf, size, "%02u", m->month);
		if (!strcmp(t, "MI"))
			return snprintf(buf, size, "%02u", m->minute);
		if (!strcmp(t, "MS"))
			return snprintf(buf, size, "%03u", m->micro / 1000);
		return put_name(months[m->month - 1], t, strlen(t) == 3, buf, size);
	default:
		if (!strcmp(t, "DDD"))
			return snprintf(buf, size, "%03u", m->of_year);
		if (!strcmp(t, "DD"))
			return snprintf(buf, size, "%02u", m->day);
		if (!strcmp(t, "D"))
			return snprintf(buf, size, "%u", m->of_week + 1);
		return put_name(days[m->of_week], t, strlen(t) == 2, buf, size);
	}
}

static const char *template_at(struct stoa_bytes f, uint32_t i)
{
	for (size_t k = 0; k < sizeof templates / sizeof *templates; k++) {
		size_t len = strlen(templates[k]);
		if (f.len - i >= len && !memcmp(f.p + i, templates[k], len))
			return templates[k];
	}
	return NULL;
}

/* ---- both ------------------------------------------------------------------------------------ */

/*
 * The piece of format @f at @i: its text into @buf, and how far it reaches into *@used. Text in
 * "" is as it is for PostgreSQL. Negative: there is no such piece.
 */
static int piece(const struct moment *m, struct stoa_bytes f, uint32_t i, bool pg, char *buf,
		 size_t size, uint32_t *used)
{
	const char *t = pg ? template_at(f, i) : NULL;

	*used = 1;
	if (t) {
		*used = (uint32_t)strlen(t);
		return pg_piece(m, t, buf, size);
	}
	if (!pg && f.p[i] == '%') {
		*used = 2;
		int n = i + 1 < f.len ? c_piece(m, f.p[i + 1], buf, size) : 0;
		return n > 0 ? n : -1;
	}
	buf[0] = f.p[i];
	return 1;
}

static int pass(const struct moment *m, struct stoa_bytes f, bool pg, char *to, size_t *len)
{
	char buf[40];
	uint32_t used;
	bool quoted = false;

	*len = 0;
	for (uint32_t i = 0; i < f.len; i += used) {
		if (pg && f.p[i] == '"') {
			quoted = !quoted;
			used = 1;
			continue;
		}
		int n = 1;
		if (quoted) {
			buf[0] = f.p[i];
			used = 1;
		} else {
			n = piece(m, f, i, pg, buf, sizeof buf, &used);
		}
		if (n < 0)
			return STOA_EINVAL;
		if (to)
			memcpy(to + *len, buf, (size_t)n);
		*len += (size_t)n;
	}
	return STOA_OK;
}

static int format(struct stoa__call *call, int64_t ts, struct stoa_bytes f, bool pg,
		  union stoa__datum *out)
{
	struct moment m = moment_of(ts);
	size_t len;

	if (pass(&m, f, pg, NULL, &len) < 0)
		return stoa__call_fail(call, STOA_EINVAL,
				       "the format has a %% before what it has no meaning for: %%%% is "
				       "a %% itself");
	char *p = stoa__call_room(call, len);
	if (!p)
		return len > STOA_TEXT_MAX ? STOA_ERANGE : STOA_ENOMEM;
	pass(&m, f, pg, p, &len);
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

static int fn_strftime(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		       union stoa__datum *out, bool *null)
{
	(void)nulls;
	(void)null;
	return format(call, args[0].i, args[1].s, false, out);
}

static int fn_to_char(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	(void)nulls;
	(void)null;
	return format(call, args[0].i, args[1].s, true, out);
}

const struct stoa__fn stoa__format_functions[] = {
	{ "strftime", "st", STOA_TEXT, STOA__FN_MAY_FAIL, fn_strftime },
	{ "to_char", "st", STOA_TEXT, STOA__FN_MAY_FAIL, fn_to_char },
	{ NULL, NULL, 0, 0, NULL },
};
