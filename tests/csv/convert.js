// SPDX-License-Identifier: MIT
//
// convert.js - test cases of csv-spectrum and papaparse as JSON Lines, for tests/csv_suite_test.c
//
//     npm pack csv-spectrum@2.0.0 papaparse@5.7.1     unpacked into spectrum/ and papaparse/
//     node convert.js spectrum/package papaparse/package
//
// A line is {"name", "input", "delimiter", "quote", "rows"}. Of papaparse those cases are taken that
// ask for nothing but a delimiter or quote; the others test options that stoa does not have.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const [spectrum, papaparse] = process.argv.slice(2);
const lines = (file, cases) =>
	fs.writeFileSync(path.join(__dirname, file), cases.map((c) => JSON.stringify(c) + '\n').join(''));

const out = [];
for (const file of fs.readdirSync(path.join(spectrum, 'csvs')).sort()) {
	const name = path.basename(file, '.csv');
	const read = JSON.parse(fs.readFileSync(path.join(spectrum, 'json', name + '.json')));
	const objects = [].concat(read);	// one row may stand alone
	const keys = Object.keys(objects[0]);
	const rows = [keys, ...objects.map((o) => keys.map((k) => String(o[k])))];
	out.push({ name, input: fs.readFileSync(path.join(spectrum, 'csvs', file), 'utf8'), rows });
}
lines('spectrum.jsonl', out);

const context = { chai: { assert: {} }, Papa: {}, describe: Object.assign(() => {}, { skip() {} }), cases: [] };
vm.runInNewContext(
	fs.readFileSync(path.join(papaparse, 'tests', 'test-cases.js'), 'utf8') +
		'\ncases.push(...CORE_PARSER_TESTS, ...PARSE_TESTS);', context);
const known = new Set(['delimiter', 'quoteChar', 'newline']);
const plain = (c) => typeof c.input === 'string' && Array.isArray(c.expected.data) &&
	c.expected.data.every((r) => Array.isArray(r) && r.every((f) => typeof f === 'string')) &&
	Object.entries(c.config || {}).every(([k, v]) => known.has(k) && typeof v === 'string');
lines('papaparse.jsonl', context.cases.filter(plain).map((c) => ({
	name: c.description,
	input: c.input,
	delimiter: (c.config || {}).delimiter,
	quote: (c.config || {}).quoteChar,
	rows: c.expected.data,
})));
console.log(`${context.cases.filter(plain).length} of ${context.cases.length} cases of papaparse`);
