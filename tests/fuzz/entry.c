/* SPDX-License-Identifier: MIT */
/* entry.c - one target, FUZZ_TARGET, as libFuzzer calls it */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len <= FUZZ_TARGET.len_max)
		FUZZ_TARGET.run(p, len);
	return 0;
}
