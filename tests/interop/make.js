// SPDX-License-Identifier: MIT
//
// make.js DIR - Arrow files as apache-arrow and polars write them, for tests/arrow_ipc_test.c
//
// js-*:     every type that stoa takes and JavaScript can build, NULLs, dictionaries, two batches, of which the second
//           has a longer dictionary (a delta in streams), no rows at all
// polars-*: its own choice of layouts (views, categoricals), zstd and LZ4
'use strict';
const fs = require('fs');
const path = require('path');
const a = require('apache-arrow');
const pl = require('nodejs-polars');

const dir = process.argv[2];
const put = (name, bytes) => fs.writeFileSync(path.join(dir, name), bytes);

function vector(type, values) {
	const b = a.makeBuilder({ type, nullValues: [null] });
	for (const v of values)
		b.append(v);
	return b.finish().toVector();
}

const dictionary = new a.Dictionary(new a.Utf8(), new a.Int8());
const columns = {
	yes: vector(new a.Bool(), [true, null, false]),
	i8: vector(new a.Int8(), [-128, null, 127]),
	u16: vector(new a.Uint16(), [0, null, 65535]),
	i32: vector(new a.Int32(), [-2147483648, null, 2147483647]),
	i64: vector(new a.Int64(), [-9223372036854775808n, null, 9223372036854775807n]),
	u64: vector(new a.Uint64(), [0n, null, 18446744073709551615n]),
	f32: vector(new a.Float32(), [0.5, null, -1.25]),
	f64: vector(new a.Float64(), [1e300, null, -0.1]),
	day: vector(new a.DateDay(), [new Date('2024-02-29'), null, new Date('1969-12-31')]),
	moment: vector(new a.TimestampMillisecond(), [1709251199001, null, -1]),
	clock: vector(new a.TimeSecond(), [0, null, 86399]),
	text: vector(new a.Utf8(), ['', null, 'w\u00f6rt']),
	large: vector(new a.LargeUtf8(), ['a', null, 'bcd']),
	blob: vector(new a.Binary(), [new Uint8Array([0, 255]), null, new Uint8Array([])]),
	word: vector(dictionary, ['red', null, 'blue']),
};
const table = new a.Table(columns);
put('js-types.arrow', a.tableToIPC(table, 'file'));
put('js-types.arrows', a.tableToIPC(table, 'stream'));
put('js-empty.arrow', a.tableToIPC(table.slice(0, 0), 'file'));
put('js-list.arrow', a.tableToIPC(new a.Table({ tags: a.vectorFromArray([[1], [2, 3]], new a.List(new a.Field('item', new a.Int32()))) })));

// One builder for two chunks: the dictionary goes on growing.
const words = a.makeBuilder({ type: new a.Dictionary(new a.Utf8(), new a.Int32()), nullValues: [null] });
const chunks = [['a', 'b', 'a', null], ['c', 'a', 'd']].map((values) => {
	values.forEach((v) => words.append(v));
	return words.flush();
});
const schema = new a.Schema([new a.Field('word', chunks[0].type, true)]);
const batches = chunks.map((data) => new a.RecordBatch(schema,
	a.makeData({ type: new a.Struct(schema.fields), length: data.length, nullCount: 0, children: [data] })));
put('js-delta.arrows', a.RecordBatchStreamWriter.writeAll(batches).toUint8Array(true));

const df = pl.DataFrame({
	n: pl.Series('n', [1, null, -3], pl.Int32),
	big: pl.Series('big', [1, null, 9007199254740991], pl.Int64),
	x: [0.5, null, -1.5],
	yes: [true, null, false],
	text: ['short', null, 'longer than twelve bytes, so it is in a buffer'],
	word: pl.Series('word', ['red', null, 'red']).cast(pl.Categorical),
	day: pl.Series('day', [new Date('2024-02-29'), null, new Date('1969-12-31')]).cast(pl.Date),
	moment: pl.Series('moment', [new Date(1709251199001), null, new Date(-1)]),
});
put('polars-plain.arrow', df.writeIPC({ compression: 'uncompressed' }));
put('polars-zstd.arrow', df.writeIPC({ compression: 'zstd' }));
put('polars-lz4.arrow', df.writeIPC({ compression: 'lz4' }));
put('polars-plain.arrows', df.writeIPCStream({ compression: 'uncompressed' }));
