# SPDX-License-Identifier: MIT
# bash completion for stoa(1): subcommands, options, formats, databases, tables, files

_stoa_databases() {
	local d
	for d in "$cur"*; do
		[ -e "$d/catalog.mdb" ] && COMPREPLY+=("$d")
	done
	# A path may lead to one.
	while IFS= read -r d; do
		[ -e "$d/catalog.mdb" ] || COMPREPLY+=("$d/")
	done < <(compgen -d -- "$cur")
	compopt -o nospace -o filenames 2>/dev/null
}

_stoa_tables() {
	local t
	while IFS= read -r t; do
		COMPREPLY+=("$t")
	done < <(compgen -W "$("$1" tables "$2" -f csv --no-header 2>/dev/null | cut -d , -f 1)" -- "$cur")
}

_stoa_files() {
	local f
	while IFS= read -r f; do
		COMPREPLY+=("$f")
	done < <(compgen -f -- "$cur")
	compopt -o filenames 2>/dev/null
}

_stoa_options() {
	local words
	words=$("$1" "$2" --help 2>/dev/null | grep -o -E '^  +(-[a-zA-Z], +)?--[a-z-]+' | grep -o -E -- '--[a-z-]+')
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

_stoa() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} sub=${COMP_WORDS[1]} place=$COMP_CWORD
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$1" help 2>/dev/null | sed -n -E 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
		_stoa_databases
		return
	fi
	case $prev in
	-f | --format)
		if [ "$sub" = import ]; then
			mapfile -t COMPREPLY < <(compgen -W 'csv tsv json jsonl arrow' -- "$cur")
		elif [ "$sub" = trace ]; then
			mapfile -t COMPREPLY < <(compgen -W 'table json svg' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -W 'table csv tsv jsonl json markdown html insert vertical arrow arrows' -- "$cur")
		fi
		return
		;;
	-k | --kind)
		mapfile -t COMPREPLY < <(compgen -W 'line bar histogram scatter' -- "$cur")
		return
		;;
	-o | --output | --rejects | -i | --input)
		_stoa_files
		return
		;;
	--ragged)
		mapfile -t COMPREPLY < <(compgen -W 'error fill' -- "$cur")
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		_stoa_options "$1" "$sub"
	elif [ "$sub" = help ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$1" help 2>/dev/null | sed -n -E 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
	elif [ "$sub" = bench ]; then
		_stoa_files
	elif [ "$place" -eq 2 ]; then
		_stoa_databases
	else
		case $sub in
		import | restore | backup | recover) _stoa_files ;;
		export | schema | freeze | drop | refs) _stoa_tables "$1" "${COMP_WORDS[2]}" ;;
		esac
	fi
}

complete -F _stoa stoa
