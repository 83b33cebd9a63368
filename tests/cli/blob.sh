# bytes between slots and files
run stoa blob create b.stoa files
run stoa query b.stoa "CREATE TABLE photo (name string, thumb blob, data ref(files))"
run stoa query b.stoa "INSERT INTO photo (name) VALUES ('runway'), ('tower')"
head -c 700000 /dev/zero | tr '\0' a >a.bin
seq 2500000 >b.bin
run stoa blob put b.stoa photo data 1 a.bin
run stoa blob put b.stoa photo data 2 b.bin
run sh -c 'stoa blob get b.stoa photo data 1 | cmp - a.bin'
run sh -c 'stoa blob get b.stoa photo data 2 | cmp - b.bin'
run sh -c 'printf xyz | stoa blob put b.stoa photo data 1 --offset 350000'
run stoa blob get b.stoa photo data 1 --offset 349998 --length 7
echo
run sh -c 'printf end | stoa blob put b.stoa photo data 1 -a -'
run stoa blob get b.stoa photo data 1 --offset 699997
echo
run stoa blob get b.stoa photo data 1 -o out.bin
run sh -c 'wc -c <out.bin'
run sh -c 'printf "\001small" | stoa blob put b.stoa photo thumb 2'
run sh -c 'printf er | stoa blob put b.stoa photo thumb 2 -a'
run stoa query b.stoa 'SELECT name, thumb FROM photo' -f csv
run stoa blob get b.stoa photo thumb 2 --offset 1 --length 5
echo
run stoa blob get b.stoa photo thumb 1
run stoa blob get b.stoa photo data 3
run stoa blob get b.stoa photo size 1
run stoa blob put b.stoa photo data x
run stoa blob put b.stoa photo thumb 1 --offset 3
run stoa blob put b.stoa photo data 1 nothing.bin
run stoa blob get b.stoa photo
run stoa blob create b.stoa photo
run stoa check b.stoa
run stoa query b.stoa 'DELETE FROM photo WHERE name = '"'tower'"
run stoa gc b.stoa
run sh -c '[ $(du -sk b.stoa | cut -f 1) -lt 4000 ] && echo small again'
