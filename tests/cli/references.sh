# references, deques, blobs and long values through a dump, and back
cat >world.sql <<'END'
CREATE TABLE zone (name string NOT NULL PRIMARY KEY);
CREATE TABLE node (name string, zone ref(zone) NOT NULL, next ref(node), near weak ref(node), self ref(node) NOT NULL);
INSERT INTO zone VALUES ('north'), ('south'), ('gone');
INSERT INTO node VALUES ('a', 1, NULL, NULL, 1), ('b', 2, 1, 1, 1), ('c', 3, 2, 2, 3), ('d', 3, 3, 3, 4);
UPDATE node SET next = 3, self = 4 WHERE rowid = 1;
DELETE FROM zone WHERE name = 'gone';
INSERT INTO zone VALUES ('gone');
DELETE FROM node WHERE name = 'b';
CREATE TABLE chicken (name string);
CREATE TABLE egg (of ref(chicken), n int);
ALTER TABLE chicken ADD COLUMN from_egg ref(egg);
ALTER TABLE chicken ADD COLUMN age int;
INSERT INTO chicken VALUES ('berta', NULL, 3), ('clara', NULL, 1);
INSERT INTO egg VALUES (1, 7), (2, 8);
UPDATE chicken SET from_egg = 2 WHERE name = 'berta';
UPDATE chicken SET from_egg = 1 WHERE name = 'clara';
CREATE UNIQUE INDEX ages ON chicken (age);
CREATE TABLE job (queue string, payload text);
CREATE DEQUE line ON job (queue);
INSERT INTO job VALUES ('x', 'x1'), ('y', 'y1'), ('x', 'x2'), ('y', 'y2'), (NULL, 'z');
UPDATE job SET queue = 'y' WHERE payload = 'x1';
CREATE TABLE wide (k text UNIQUE NOT NULL, t text NOT NULL, b blob);
INSERT INTO wide VALUES (repeat('k', 70000) || '1', repeat('it''s ', 30000), NULL),
	(repeat('k', 70000) || '2', '', CAST(repeat('blob', 20000) AS blob)), ('short', 'short', X'00');
END
run stoa create w.stoa
run stoa query w.stoa -i world.sql
run stoa blob create w.stoa files
run stoa query w.stoa 'CREATE TABLE photo (name string, data ref(files)); INSERT INTO photo (name) VALUES ('"'runway'"'), ('"'the same'"')'
seq 100000 >seq.txt
run stoa blob put w.stoa photo data 1 seq.txt
run stoa query w.stoa 'UPDATE photo SET data = (SELECT data FROM photo WHERE rowid = 1) WHERE rowid = 2'
run stoa queue push w.stoa tasks --attempts 3 one two three
run stoa queue pop w.stoa tasks
run stoa freeze w.stoa egg
stoa dump w.stoa >1.sql
cut -c 1-100 1.sql | sed -E 's/^(-- stoa: bytes .{24}).*/\1.../' | uniq
run stoa restore copy.stoa 1.sql
stoa dump copy.stoa | cmp - 1.sql && echo the same
run sh -c 'stoa blob get copy.stoa photo data 2 | cmp - seq.txt'
run stoa check copy.stoa
for db in w.stoa copy.stoa; do
	stoa query $db 'SELECT n.name, z.name, m.name AS next FROM node n LEFT JOIN zone z ON z.rowid = n.zone LEFT JOIN node m ON m.rowid = n.next' -f csv
	stoa queue pop $db job --queue y -n 3
	stoa tables $db -f csv
done
run stoa query copy.stoa "INSERT INTO zone VALUES ('north')"
run stoa query copy.stoa 'INSERT INTO egg VALUES (NULL, 9)'
printf 'BEGIN;\nCREATE TABLE t (x blob);\n-- stoa: %s\nCOMMIT;\n' "bytes 't' 1 'x' AAAA" >bad.sql
run stoa restore bad1.stoa bad.sql
printf 'BEGIN;\nCREATE TABLE t (x blob);\n-- stoa: %s\nCOMMIT;\n' "sing 't'" >bad.sql
run stoa restore bad2.stoa bad.sql
printf -- "-- stoa: freeze 't'\n" >bad.sql
run stoa restore bad3.stoa bad.sql
# what rows had goes to a death queue, in the copy of the copy, too
printf 'BEGIN;\nCREATE TABLE t (n int);\nCREATE TABLE t_dead ("row" u64, n int);\nINSERT INTO t VALUES (7), (8);\n-- stoa: %s\nCOMMIT;\n' "deaths 't' 't_dead'" >deaths.sql
run stoa restore d1.stoa deaths.sql
run stoa dump d1.stoa
stoa dump d1.stoa | stoa restore d2.stoa -
run stoa query d2.stoa 'DELETE FROM t WHERE n = 8'
run stoa query d2.stoa 'SELECT * FROM t_dead' -f csv
sed 's/t_dead.$/t'"'/" deaths.sql >bad.sql
run stoa restore d3.stoa bad.sql
