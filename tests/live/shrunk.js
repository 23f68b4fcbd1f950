// A process whose heap was large for a moment: V8 keeps the pages that it had, and counts them no more. `--expose-gc`.
'use strict';
const v8 = require('node:v8');

let rows = Array.from({ length: 500_000 }, (_, nth) => ({ nth, text: `row ${nth}` }));
rows = null;
setTimeout(() => {
  globalThis.gc();
  const old = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'old_space');
  console.log(JSON.stringify({ old: old.space_size, used: old.space_used_size, left: rows }));
  setInterval(() => {}, 100_000);
}, 1);
