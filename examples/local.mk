## SPDX-License-Identifier: MIT

example_programs +=
