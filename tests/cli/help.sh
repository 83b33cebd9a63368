# every --help
run stoa help
for c in create import query export tables refs schema stat backup check recover freeze drop set; do
	run stoa $c --help
done
run stoa version
