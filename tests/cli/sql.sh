# SQL that makes, changes and controls, in scripts and files
run stoa create shop.stoa
run stoa query shop.stoa "CREATE TABLE item (name string NOT NULL, price decimal(8,2) DEFAULT 1, made date);
INSERT INTO item VALUES ('tea', 2.5, '2026-01-31'), ('coffee', DEFAULT, NULL) RETURNING rowid, name;
UPDATE item SET price = price * 2 WHERE name = 'tea';
SELECT * FROM item"
cat >more.sql <<'END'
BEGIN;
DELETE FROM item WHERE name = 'tea'; -- regretted
ROLLBACK;
CREATE TABLE dear AS SELECT name, price FROM item WHERE price > 2;
SELECT count(*) AS dear FROM dear;
END
run stoa query shop.stoa --input more.sql -f csv
echo 'ALTER TABLE dear ADD stock u32 DEFAULT 0; ALTER TABLE dear RENAME TO choice' | run stoa query shop.stoa -
run stoa schema shop.stoa
run stoa query shop.stoa 'INSERT INTO item (name)
VALUES (NULL)'
run stoa query shop.stoa "INSERT INTO item (name) VALUES ('milk'); SELECT nix; DROP TABLE item"
run stoa query shop.stoa 'BEGIN; DELETE FROM item'
run stoa query shop.stoa 'SELECT count(*) FROM item;
DROP TABLE'
run stoa query shop.stoa 'COMMIT'
run stoa query shop.stoa ' -- nothing'
run stoa query shop.stoa -i missing.sql
run stoa query shop.stoa 'SELECT name FROM item' -f jsonl
run stoa query "SELECT 6 * 7 AS answer"
# a query that takes long says nothing where there is no terminal, and is ended by Ctrl-C
long='WITH n(i) AS (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) SELECT count(*) FROM n a, n b, n c, n d, n e, n f, n g, n h, n i, n j, n k, n l'
timeout -s INT 1 stoa query "$long" 2>words.txt || echo "[exit $?]"
run cat words.txt
