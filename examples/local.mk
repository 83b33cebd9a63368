## SPDX-License-Identifier: MIT

EXTRA_DIST += %D%/data/README %D%/data/flights.csv %D%/data/airports.csv

example_programs +=
