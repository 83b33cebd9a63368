## SPDX-License-Identifier: MIT

libstoa_all_la_SOURCES +=
