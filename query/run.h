/* SPDX-License-Identifier: MIT */
/*
 * run.h - what all operators of one execution share
 */
#ifndef STOA__RUN_H
#define STOA__RUN_H

#include <stdatomic.h>

#include "plan.h"

struct stoa__run {
	struct stoa__means means;
	_Atomic bool stop;	/* once true, whoever reads rows gives up: STOA_ECANCELED */
};

#endif
