// A process whose memory is known: `native.js ADDON lost|kept|holes`. It writes a line when it is ready, and another one when SIGUSR2 has made it
// give back what malloc keeps.
'use strict';
const { Worker } = require('node:worker_threads');
const addon = require(process.argv[2]);

// Sizes that nobody else uses.
addon.keep(500, 3001);
addon.keepWidgets(300);
globalThis.owned = Array.from({ length: 200 }, () => addon.own(5003));
if (process.argv[3] === 'lost') {
  addon.lose(1000, 1303);
  addon.losePairs(1000);
  addon.loseWidgets(1000);
  addon.loseBeside(1000, 1717);
}
class Held {
  text = 'x'.repeat(2000) + Math.random();
}
for (let nth = 0; nth < 2000; nth++) addon.hold(new Held());
if (process.argv[3] === 'holes') addon.fragment(3000, 20_011);
process.on('SIGUSR2', () => {
  addon.trim();
  console.log('{}');
});
globalThis.buffers = [
  ...Array.from({ length: 20 }, () => Buffer.alloc(1 << 20, 7)),
  ...Array.from({ length: 500 }, () => Buffer.alloc(9000, 7)),
];
globalThis.objects = Array.from({ length: 50_000 }, (_, nth) => ({ nth }));
const worker = new Worker('globalThis.more = Buffer.alloc(4 << 20, 7); require("worker_threads").parentPort.on("message", () => {}); require("worker_threads").parentPort.postMessage(process.memoryUsage().arrayBuffers)', {
  eval: true,
});
worker.on('message', (ofWorker) => {
  const { arrayBuffers } = process.memoryUsage();
  const heapLimit = require('v8').getHeapStatistics().heap_size_limit;
  console.log(JSON.stringify({ arrayBuffers, ofWorker, heapLimit }));
});
setInterval(() => {}, 1000);
