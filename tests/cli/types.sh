# every type through every format that can be read again, and back: nothing is lost
cat >types.sql <<'END'
CREATE TABLE t (n i64, b bool, a i8, c i16, d i32, e i64, f u8, g u16, h u32, i u64, j f32, k f64, l decimal(18,4), m date,
	o time, p timestamp, q uuid, r string, s text, u blob);
INSERT INTO t VALUES
(1, true, -128, -32768, -2147483648, -9223372036854775808, 0, 0, 0, 0, -0.0, -1.7976931348623157e308, -99999999999999.9999,
 DATE '0001-01-01', TIME '00:00:00', TIMESTAMP '0001-01-01 00:00:00', UUID '00000000-0000-0000-0000-000000000000', '', '', X''),
(2, false, 127, 32767, 2147483647, 9223372036854775807, 255, 65535, 4294967295, 18446744073709551615, 3.4028235e38,
 5e-324, 99999999999999.9999, DATE '9999-12-31', TIME '23:59:59.999999', TIMESTAMP '9999-12-31 23:59:59.999999',
 UUID 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'a "quoted", line' || chr(10) || 'break', 'tab' || chr(9) || 'and \\ back', X'00ff0a22'),
(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(4, true, 1, 1, 1, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, DATE '2000-02-29', TIME '12:34:56.5', TIMESTAMP '1969-12-31 23:59:59.000001',
 UUID '12345678-9abc-def0-1234-56789abcdef0', 'NULL', 'null', X'4e554c4c'),
(5, false, 0, 0, 0, 0, 0, 0, 0, 0, 'NaN', '-Infinity', 0, DATE '1970-01-01', TIME '00:00:00.000001', TIMESTAMP '1970-01-01',
 UUID '00000000-0000-0000-0000-000000000001', ' blanks ', 'éß漢🎺', X'e6bca2');
END
run stoa create t.stoa
run stoa query t.stoa -i types.sql
slots='n i64, b bool, a i8, c i16, d i32, e i64, f u8, g u16, h u32, i u64, j f32, k f64, l decimal(18,4), m date, o time,
	p timestamp, q uuid, r string, s text, u blob'
stoa export t.stoa t -f insert >want.sql
for format in csv tsv jsonl json; do
	for blobs in hex base64; do
		for null in '' '\N'; do
			stoa export t.stoa t -f $format --blobs $blobs --null "$null" >"t.$format"
			rm -rf copy.stoa
			stoa import copy.stoa "t.$format" -f $format --blobs $blobs --null "$null" -t t -s "$slots" -q &&
				stoa export copy.stoa t -f insert | cmp - want.sql && echo "$format $blobs '$null': the same"
		done
	done
done
rm -rf copy.stoa
stoa create copy.stoa -t t -s "$slots"
stoa query copy.stoa -i want.sql
stoa export copy.stoa t -f insert | cmp - want.sql && echo 'insert: the same'
run stoa query t.stoa 'SELECT n, u FROM t' -f csv --blobs base64
run stoa query t.stoa 'SELECT n, u FROM t' -f jsonl --blobs base64
run stoa query t.stoa 'SELECT n, u FROM t' -f csv --blobs octal
printf 'u\nAP8=\nAP8\n' >bad.csv
run stoa import copy.stoa bad.csv --blobs base64 -t bad -s 'u blob'
printf '{"u":"AP8="}\n{"u":"A*8="}\n' >bad.jsonl
run stoa import copy.stoa bad.jsonl --blobs base64 -t bad -s 'u blob'
