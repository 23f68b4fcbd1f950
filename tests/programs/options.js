'use strict';
// The options of v8.writeHeapSnapshot: with internals there is no user root, with numeric values every number is a node.
// usage: node options.js OUT_PREFIX   (Node.js 18 and later)
const v8 = require('v8');

globalThis.state = {
  points: Array.from({ length: 500 }, (_, i) => ({ x: i, y: i / 7, flag: i % 2 === 0 })),
  map: new Map([[1, { one: 1 }], ['two', [2, 2.5, -0]]]),
  weak: new WeakMap(),
  typed: new Float64Array(64),
  big: [1n, 2n ** 80n],
};
for (const point of state.points) state.weak.set(point, { of: point.x });
const prefix = process.argv[2];
v8.writeHeapSnapshot(prefix + '-plain.heapsnapshot');
v8.writeHeapSnapshot(prefix + '-internals.heapsnapshot', { exposeInternals: true });
v8.writeHeapSnapshot(prefix + '-numbers.heapsnapshot', { exposeNumericValues: true });
v8.writeHeapSnapshot(prefix + '-both.heapsnapshot', { exposeInternals: true, exposeNumericValues: true });
process.exit(0);
