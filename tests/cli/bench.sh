# a file is loaded again and again, and nothing stays behind; figures differ from run to run
printf 'a,b\n1,x\n2,"y\nz"\n' >it.csv
run stoa bench it.csv --no-peers --rounds 2 2>&1 | sed -E 's/ +[0-9.]+ .*/ .../'
ls
run stoa bench
run stoa bench missing.csv
run stoa bench it.csv --dir nowhere
run stoa bench it.csv --rounds 0
printf 'a,b\n1\n' >bad.csv
run stoa bench bad.csv --no-peers --rounds 1 -j 1 2>&1 | sed 's/^  *$//'
ls
