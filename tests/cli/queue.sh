# SPDX-License-Identifier: MIT
# Queues: pushed and popped, claimed and given back, worked on by commands.
run stoa queue push q.stoa mail one two three
printf 'a\nb\n' >lines
run stoa queue push q.stoa mail --queue high <lines
run stoa queue push q.stoa mail --front first
run stoa queue peek q.stoa mail -n 9
run stoa queue peek q.stoa mail --back
run stoa queue stat q.stoa mail
run stoa queue pop q.stoa mail
run stoa queue pop q.stoa mail --back
run stoa queue len q.stoa mail
run stoa queue claim q.stoa mail -q high -n 2
run stoa queue ack q.stoa mail 4:1
run stoa queue ack q.stoa mail 4:1
run stoa queue nack q.stoa mail 5:1
run stoa queue claim q.stoa mail -q high --lease 0.001
run stoa queue extend q.stoa mail 5:2 --lease 60
run stoa queue nack q.stoa mail 5:2
run stoa queue work q.stoa mail -q high,low -- cat
echo
run stoa queue work q.stoa mail -- echo job: {}
run stoa queue work q.stoa mail -- echo nothing is left
run stoa queue pop q.stoa mail
run stoa queue push q.stoa hard x --attempts 3
run stoa queue work q.stoa hard -- false
run stoa queue pop q.stoa hard_dead
# Without a limit what fails comes back later, after a tenth time in minutes, and is not waited for.
run stoa queue push q.stoa frail x
for i in 1 2 3 4 5 6 7 8 9; do
	stoa queue claim q.stoa frail >/dev/null
	stoa queue nack q.stoa frail 1:$i
done
run stoa queue work q.stoa frail -- false
run stoa queue stat q.stoa frail
# A command that is not there costs no job an attempt.
run stoa queue push q.stoa typo x --attempts 1
run stoa queue work q.stoa typo -- no-such-command {}
run stoa queue peek q.stoa typo
# What has its payload as an argument reads nothing else; a job is killed with all that it started.
run stoa queue work q.stoa typo -- sh -c 'cat; echo $0' {}
run stoa queue push q.stoa slow x
run stoa queue work q.stoa slow --lease 0.5 -- sh -c 'sleep 1000 & echo $! >slow.pid; wait'
pid=$(cat slow.pid 2>/dev/null || true)
for i in $(seq 200); do
	state=$(awk '{ print $3 }' "/proc/${pid:-none}/stat" 2>/dev/null || true)
	case $state in '' | Z | X) break ;; esac
	sleep 0.05
done
echo "what it started: ${state:-Z}"
run stoa queue push q.stoa last 1 2 3 4 5 --maxlen 2
run stoa queue peek q.stoa last -n 9
run stoa queue len q.stoa nowhere
run stoa queue shove q.stoa mail
run stoa queue ack q.stoa mail x
run stoa queue work q.stoa mail
# Two pools and who pushes take turns with the database: each job is done once.
seq 40 | stoa queue push q.stoa turns
for pool in 1 2; do
	stoa queue work q.stoa turns -- sh -c 'echo $0 >>turns' {} &
done
for i in 41 42 43; do
	stoa queue push q.stoa turns $i
done
wait
stoa queue work q.stoa turns -- sh -c 'echo $0 >>turns' {}
run stoa queue len q.stoa turns
echo "done: $(wc -w <turns), each once: $(sort -u turns | wc -w)"
run stoa check q.stoa
# The same in SQL.
run stoa query q.stoa "CREATE TABLE job (who string, what text);
	CREATE DEQUE IF NOT EXISTS turn ON job (who);
	INSERT INTO job VALUES (NULL, 'sweep'), ('ann', 'cook'), ('ann', 'wash')"
run stoa queue pop q.stoa job -q ann
run stoa queue stat q.stoa job
run stoa query q.stoa 'DROP INDEX turn ON job'
run stoa queue stat q.stoa job
