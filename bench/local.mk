## SPDX-License-Identifier: MIT
##
## Programs of bench_programs are built by `make bench` only, which then runs them.

EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench: $(bench_programs)
	@for b in $(bench_programs); do echo "== $$b"; ./$$b || exit 1; done
