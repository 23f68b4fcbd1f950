// Collects all garbage step by step, with --expose-gc --trace-gc: `collecting.js growing|filling|lazy|flat|thrashing`.
'use strict';
const { performance } = require('node:perf_hooks');
const [, , mode] = process.argv;
const STEPS = 18;
const kept = [];

/** About so many megabytes of objects. */
const objects = (megabytes) => Array.from({ length: megabytes * 8000 }, (_, nth) => ({ nth, more: [nth, nth] }));

(async () => {
  kept.push(objects(4));
  let took = 0;
  for (let step = 0; step < STEPS; step++) {
    if (mode === 'growing') kept.push(objects(2));
    if (mode === 'filling' && step < STEPS / 2) kept.push(objects(3));
    let held = mode === 'lazy' ? objects(40) : null;
    // However slow the machine: it does something else most of the time.
    if (mode !== 'thrashing') await new Promise((resolve) => setTimeout(resolve, 60 + 3 * took));
    kept.last = held;
    held = kept.last = null;
    const before = performance.now();
    global.gc();
    took = performance.now() - before;
  }
})();
