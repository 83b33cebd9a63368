# keys in SQL
run stoa create k.stoa
run stoa query k.stoa "CREATE TABLE p (id bigint PRIMARY KEY, email text UNIQUE, a int, b int, UNIQUE (a, b))"
run stoa query k.stoa "INSERT INTO p VALUES (1, 'x', 1, 1), (2, 'y', 1, 2), (9, NULL, NULL, 2), (8, NULL, NULL, 2)"
run stoa query k.stoa "INSERT INTO p VALUES (1, 'z', 3, 3)"
run stoa query k.stoa "INSERT INTO p VALUES (3, 'y', 3, 3)"
run stoa query k.stoa "INSERT INTO p VALUES (3, 'w', 1, 2)"
run stoa query k.stoa "INSERT INTO p VALUES (NULL, 'w', 1, 2)"
run stoa query k.stoa "UPDATE p SET id = 2 WHERE email = 'x'"
run stoa query k.stoa "INSERT INTO p VALUES (3, 'v', 4, 4), (1, 'z', 3, 3) ON CONFLICT DO NOTHING"
run stoa query k.stoa "INSERT INTO p VALUES (4, 'v', 5, 5) ON CONFLICT (id) DO NOTHING"
run stoa query k.stoa "INSERT INTO p VALUES (4, 'v', 5, 5) ON CONFLICT (a, b) DO NOTHING"
run stoa query k.stoa "INSERT INTO p VALUES (4, 'u', 1, 2) ON CONFLICT (b, a) DO NOTHING"
run stoa query k.stoa "INSERT INTO p VALUES (4, 'u', 1, 2) ON CONFLICT (a) DO NOTHING"
run stoa query k.stoa "SELECT * FROM p WHERE id IN (2, 3, 5) ORDER BY id"
run stoa query k.stoa "SELECT id FROM p WHERE b = 2 AND a IN (1, 7)"
run stoa query k.stoa "CREATE TABLE q (a int, PRIMARY KEY (c))"
run stoa query k.stoa "CREATE TABLE q (a int PRIMARY KEY, PRIMARY KEY (a))"
run stoa schema k.stoa
run stoa check k.stoa
