'use strict';
// Strings of every kind: joined, sliced, cut inside a surrogate pair, equal, equal only in what a snapshot shows of them.
// usage: node texts.js OUT_PREFIX
const v8 = require('v8');

const LIMIT = 1024; // V8 writes that many UTF-16 units of a string
const text = (seed, length) => Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7 + seed) % 26))).join('');
const state = { joined: [], sliced: [], cut: [], equal: [], long: [], odd: [], numbers: [], bigints: [], symbols: [], holders: [] };

for (let i = 0; i < 200; i++) {
  let rope = 'rope ' + i;
  for (let k = 0; k < 12; k++) rope = k % 2 ? rope + ` and more text ${k}` : `before ${k}: ` + rope;
  state.joined.push(rope);
  const flat = 'flattened ' + i + ' by a search in it';
  flat.indexOf('search');
  state.joined.push(flat);
}
const parent = text(1, 20000);
for (let i = 0; i < 300; i++) state.sliced.push(parent.slice(i * 10, i * 10 + 40), ('two bytes é漢' + parent).substring(5, 60 + i));
for (let i = 0; i < 8; i++) {
  state.cut.push('x'.repeat(LIMIT - 4 + i) + '😀'.repeat(4), '😀'.repeat(511) + 'y'.repeat(i) + '😀😀', { ['k'.repeat(LIMIT - 1 - i) + '😀']: {} });
}
for (let i = 0; i < 500; i++) {
  // Built from parts, so that V8 does not make them one.
  state.equal.push(['equal', 'text', i % 20].join(' '), JSON.parse(JSON.stringify({ a: 'parsed ' + (i % 50) })).a, 'joined ' + (i % 10) + ' at the end');
}
for (let i = 0; i < 60; i++) state.long.push(text(3, 2000) + (i % 4), text(i % 3, 1500).concat('tail'), 'é' + text(3, 1023) + (i % 2));
state.odd.push('', ' ', '\u0000', '\u0001\u001f\u007f\u0080', '"', '\\', '\\u0041', '/', '</script>', '\r\n', '\u2028\u2029', '\ud800', '\udfff', 'a\ud83dz', '\ufeff', 'ÿ', 'Ā');
state.odd.push(...state.odd.map(odd => ['built', odd].join(':')));
state.holders = state.odd.map(odd => ({ [odd]: odd, odd }));
for (let i = 0; i < 100; i++) {
  state.numbers.push(i * 1.1, -0, NaN, Infinity, 2 ** 53 + i, { n: i / 3, m: 2 ** 31 + i });
  state.bigints.push(2n ** BigInt(i * 7), { b: -(3n ** BigInt(i)) });
  state.symbols.push(Symbol('symbol ' + i), Symbol.for('registered ' + (i % 5)), Object(Symbol('boxed')));
}
state.boxed = [Object('text'), Object(1.5), Object(10n), Object(true), /regexp\/[a-z]+/giu, new RegExp('built ' + state.odd[3]), new Date(0)];
globalThis.state = state;
v8.writeHeapSnapshot(process.argv[2] + '.heapsnapshot');
process.exit(0);
