## SPDX-License-Identifier: MIT

dist_doc_DATA += %D%/ARCHITECTURE.md %D%/tutorial.md
