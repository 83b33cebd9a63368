## SPDX-License-Identifier: MIT

dist_doc_DATA += %D%/ARCHITECTURE.md %D%/RELIABILITY.md %D%/SQL.md %D%/cookbook.md %D%/tutorial.md
