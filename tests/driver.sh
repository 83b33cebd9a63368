#!/bin/sh
# SPDX-License-Identifier: MIT
#
# driver.sh - runs one test for automake, and shows what it printed
#
# automake's own driver hides a test's output in a log; a run of `make check` should show cmocka's
# lines. Output is printed when the test has ended, in one write, so that tests may run in parallel.
# The protocol is that of the automake manual, "Command-line arguments for test drivers".

test_name= log_file= trs_file=
while [ $# -gt 0 ]; do
	case $1 in
	--test-name) test_name=$2; shift ;;
	--log-file) log_file=$2; shift ;;
	--trs-file) trs_file=$2; shift ;;
	--color-tests | --expect-failure | --enable-hard-errors | --collect-skipped-logs) shift ;;
	--) shift; break ;;
	*) break ;;
	esac
	shift
done

"$@" >"$log_file" 2>&1
status=$?
case $status in
0) result=PASS ;;
77) result=SKIP ;;
*) result=FAIL ;;
esac
[ $status -gt 1 ] && [ $status -ne 77 ] && echo "exit status $status" >>"$log_file"

{ cat "$log_file"; echo "$result: $test_name"; }
{
	echo ":test-result: $result"
	echo ":global-test-result: $result"
	echo ":recheck: $([ $result = PASS ] && echo no || echo yes)"
	echo ":copy-in-global-log: $([ $result = FAIL ] && echo yes || echo no)"
} >"$trs_file"
