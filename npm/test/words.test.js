'use strict';
// Texts that people read.

const assert = require('assert');
const test = require('node:test');
const { count, plain, size } = require('../lib/numbers.js');
const story = require('../lib/story.js');
const wording = require('../lib/wording.js');

test('numbers', () => {
  for (const [value, text] of [[1, '1'], [0.1, '0.1'], [0.024, '0.02'], [17500, '17,500'], [1.996, '2']]) assert.strictEqual(count(value), text);
  for (const [value, text] of [[1, '1 B'], [999, '999 B'], [1500, '1.5 kB'], [12.34e6, '12.3 MB'], [2e9, '2.0 GB']]) assert.strictEqual(size(value), text);
});

test("strangers' text is shown, not obeyed", () => {
  assert.strictEqual(plain('a\u001b[31mb\u202ec\n'), 'a\\u001b[31mb\\u202ec\\u000a');
  assert.strictEqual(plain('x'.repeat(1000)).length, 199);
});

const FINDING = {
  title: 'Unbounded Array · 1,100 Item',
  growth: { counts: [100, 1200], bytes: [1000, 12000] },
  advice: 'Bound it.',
  path: [
    { node: 'module cache', location: null },
    { edge: 'const items', suspect: true, frees: 12000, times: 1, location: { file: 'a.js', line: 3, column: 7 } },
    { node: 'Array', location: null },
    { edge: '[index]', times: 1100 },
    { node: 'Item', location: { file: 'a.js', line: 9, column: 1 } },
  ],
};

test('a story names the rate, the path and where to cut', () => {
  const { lines } = story.of({ findings: [FINDING] }, 1100);
  assert.deepStrictEqual(lines, [
    'why: Unbounded Array · 1,100 Item, 1 for every call (+1,100 in 1,100 calls)',
    '  module cache',
    '    const items  a.js:3:7',
    '    ~~~~~~~~~~~ cut here: frees 12.0 kB',
    '  Array',
    '    [index] × 1,100',
    '  Item  a.js:9:1',
    '  fix: Bound it.',
  ]);
});

test('what did not grow with the calls is no reason', () => {
  const still = { ...FINDING, growth: { counts: [100, 103], bytes: [1000, 1100] } };
  assert.match(story.of({ findings: [still] }, 1100).lacking, /nothing that grows with the calls/);
  assert.match(story.of({}, 1100).lacking, /nothing that grows/);
});

test('a report of another shape does not break the verdict', () => {
  const odd = [{ growth: { counts: [0, 1100] }, path: [{}, { edge: 'x', location: {} }] }];
  assert.ok(story.of({ findings: odd }, 1100).lines.length > 0);
});

test('a message begins with the verdict, the rate and what of', () => {
  const grew = [{ signal: 'heap', unit: 'bytes', perCall: 190, rises: [{ calls: 100, by: 19000 }] }];
  const [first, second] = wording.leak({ grew, calls: 1100, reason: { lacking: 'no program' } }).split('\n');
  assert.strictEqual(first, 'leak: every call leaves 190 B of heap behind (1,100 calls)');
  assert.strictEqual(second, '  heap: +19.0 kB in 100 calls');
});
