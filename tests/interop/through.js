// SPDX-License-Identifier: MIT
//
// through.js js|polars IN OUT - reads an Arrow file or stream with a library, prints "rows,sum of n,words" of what it saw,
// and writes it again with that library
'use strict';
const fs = require('fs');
const [, , lib, from, to] = process.argv;
const bytes = fs.readFileSync(from);

if (lib === 'js') {
	const a = require('apache-arrow');
	const t = a.tableFromIPC(bytes);
	const words = new Set();
	let sum = 0;
	for (const row of t) {
		sum += row.n === null ? 0 : row.n;
		if (row.word !== null)
			words.add(row.word);
	}
	console.log(`${t.numRows},${sum},${words.size}`);
	fs.writeFileSync(to, a.tableToIPC(t, to.endsWith('s') ? 'stream' : 'file'));
} else {
	const pl = require('nodejs-polars');
	const df = from.endsWith('s') ? pl.readIPCStream(bytes) : pl.readIPC(bytes);
	const words = new Set(df.getColumn('word').cast(pl.Utf8).toArray().filter((w) => w !== null));
	console.log(`${df.height},${df.getColumn('n').sum()},${words.size}`);
	fs.writeFileSync(to, to.endsWith('s') ? df.writeIPCStream({}) : df.writeIPC({}));
}
