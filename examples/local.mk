## SPDX-License-Identifier: MIT
##
## `make examples` builds them; tests/examples_test.sh runs them.

EXTRA_DIST += %D%/README.md %D%/demo.sh %D%/data/README %D%/data/flights.csv %D%/data/airports.csv

example_programs += \
	%D%/append \
	%D%/arrow \
	%D%/crawl \
	%D%/records \
	%D%/scan

check_PROGRAMS += $(example_programs)
examples_append_LDADD = libstoa.la
examples_arrow_LDADD = libstoa.la
examples_crawl_LDADD = libstoa.la -lpthread
examples_records_LDADD = libstoa.la
examples_scan_LDADD = libstoa.la

.PHONY: examples
examples: $(example_programs)

demo: all
	@bash $(srcdir)/%D%/demo.sh ./stoa $(srcdir)/%D%/data
