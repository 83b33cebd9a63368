/* SPDX-License-Identifier: MIT */
/* refuse.h - SQL that other databases have and this one has not, refused by its name */
#ifndef STOA__REFUSE_H
#define STOA__REFUSE_H

#include "parse.h"

/*
 * Does SQL that is not supported stand at token @t, the next that @ps is to take? Then its error is
 * set and STOA_EUNSUPPORTED returned; else STOA_OK. @stuck: the grammar has no use for @t.
 */
int stoa__refuse(const struct stoa__parse *ps, const struct stoa__token *t, bool stuck);

#endif
