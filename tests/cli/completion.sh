# what Tab gives in bash; stoa itself is asked for subcommands, options and tables
. "$(dirname "$data")/../cli/stoa.bash"
try() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_stoa stoa 2>/dev/null
	printf '%s: %s\n' "$*" "$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')"
}
stoa import air.stoa "$data/airports.csv" "$data/flights.csv" -q
try stoa ex
try stoa sc
try stoa a
try stoa query a
try stoa export air.stoa fl
try stoa schema air.stoa ''
try stoa export air.stoa flights --n
try stoa export air.stoa flights -f j
try stoa import air.stoa f -f j
try stoa import air.stoa --ra
try stoa import air.stoa --ragged ''
try stoa plot air.stoa -k s
try stoa help pl
