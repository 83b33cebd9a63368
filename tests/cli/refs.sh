# refs: who keeps a row, in the command and in the shell
cat >make.sql <<'END'
CREATE TABLE person (name STRING, boss REF(person));
CREATE TABLE task (title TEXT, owner REF(person), watcher WEAK REF(person));
INSERT INTO person VALUES ('Ada', NULL), ('Ben', 1), ('Cem', 1);
INSERT INTO task VALUES ('paint', 1, 2), ('mow', 2, 1), ('rest', NULL, NULL);
DELETE FROM person WHERE name = 'Ada';
DELETE FROM task WHERE title = 'rest';
END
run stoa create r.stoa
run stoa query r.stoa -i make.sql
run stoa refs r.stoa person 1
run stoa refs r.stoa person 2 -f csv
run stoa refs r.stoa person 3
run stoa refs r.stoa person 9
run stoa refs r.stoa nobody 1
run stoa refs r.stoa person one
run stoa refs r.stoa person
printf ".refs person 1\n.refs person\n" | stoa shell r.stoa 2>&1
run stoa check r.stoa
