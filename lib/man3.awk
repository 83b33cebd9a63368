# SPDX-License-Identifier: MIT
#
# man3.awk - stoa.h as the manual page stoa(3)
#
# The header's comments are the contract, so the page is made of them, in their order: the opening
# essay is the description, a line "---- name ----" begins a section, and each comment that begins
# with two stars makes a subsection of what is declared below it. Text is left as it is laid out.

function plain(line) {
	gsub(/\\/, "\\e", line)
	return line ~ /^[.']/ ? "\\&" line : line
}

function begin_text() { print ".Bd -literal" }
function end_text() { print ".Ed" }

# The text of a comment's line.
function body(line) {
	sub(/^ ?\*\/?/, "", line)
	sub(/^\/\*+/, "", line)
	sub(/ *\*\/$/, "", line)
	sub(/^ /, "", line)
	return line
}

function finish_declaration() {
	end_text()
	if (n_text > 0) {
		begin_text()
		for (i = 1; i <= n_text; i++)
			print plain(text[i])
		end_text()
	}
	state = ""
	n_text = 0
}

BEGIN {
	print ".\\\" Made from lib/stoa.h by lib/man3.awk."
	print ".Dd November 22, 2026\n.Dt STOA 3\n.Os\n.Sh NAME\n.Nm stoa\n.Nd embedded columnar record store"
	print ".Sh LIBRARY\nlibstoa\n.Sh SYNOPSIS\n.In stoa.h\n.Pp\nLink with\n.Fl l Ns stoa ,\nor ask"
	print ".Ql pkg-config --cflags --libs libstoa .\n.Sh DESCRIPTION"
	state = "head"
}

# The essay: from the line behind "stoa.h - ..." to the comment's end.
state == "head" && /^ \* stoa\.h - / { state = "essay"; begin_text(); next }
state == "essay" && /\*\// { end_text(); state = ""; next }
state == "essay" { print plain(body($0)); next }
state == "head" { next }

/^\/\* ---- / {
	name = $0
	gsub(/^\/\* -+ | -+ \*\/$/, "", name)
	print ".Sh " toupper(name)
	next
}

state == "" && /^\/\*\*/ {
	title = body($0)
	n_text = 0
	state = $0 ~ /\*\/$/ ? "declaration" : "comment"
	fresh = 1
	next
}
state == "comment" {
	line = body($0)
	if (title == "")
		title = line
	else if (line != "" || n_text > 0)
		text[++n_text] = line
	if ($0 ~ /\*\//) {
		while (n_text > 0 && text[n_text] == "")
			n_text--
		state = "declaration"
	}
	next
}

# What the comment was about, up to its semicolon; of an inline function the head alone.
state == "declaration" {
	if (fresh) {
		gsub(/"/, "\\(dq", title)
		print ".Ss " title
		begin_text()
		fresh = 0
		depth = 0
	}
	line = $0
	sub(/^STOA_API /, "", line)
	sub(/^STOA_CHECK_RESULT /, "", line)
	if (line == "{" && depth == 0) {
		finish_declaration()
		state = "inline"
		next
	}
	if (line == "" && depth == 0) {
		finish_declaration()
		next
	}
	print plain(line)
	depth += gsub(/{/, "{", line) - gsub(/}/, "}", line)
	if (depth == 0 && line ~ /;/)
		finish_declaration()
	next
}
state == "inline" { if ($0 == "}") state = ""; next }

state == "" && /^#define STOA_[A-Z0-9_]+[ \t].*\/\*.*\*\/$/ {
	begin_text()
	print plain($0)
	end_text()
}

END {
	print ".Sh SEE ALSO\n.Xr stoa 1"
}
