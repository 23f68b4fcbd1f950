'use strict';
// One process, three snapshots: an array of numbers, a text and a Buffer that grow in place; a table and a ring that do not.
// usage: node swelling.js OUT_PREFIX
const v8 = require('v8');

class Metrics {
  constructor() {
    this.latencies = [];
  }
}
class AuditLog {
  constructor() {
    this.text = '';
  }
}
const metrics = new Metrics();
const audit = new AuditLog();
let received = Buffer.alloc(0);
const table = new Float64Array(200000);
const ring = { values: new Array(40000).fill(0.5), at: 0 };

function work(requests) {
  for (let i = 0; i < requests; i++) {
    metrics.latencies.push(i * 1.37 + 0.01);
    ring.values[ring.at++ % ring.values.length] = i / 3;
    if (i % 10 === 0) audit.text += 'request ' + i + ' took ' + ((i * 7) % 311) + ' ms\n';
  }
  received = Buffer.concat([received, Buffer.alloc(requests * 40, 7)]);
}

globalThis.state = { metrics, audit, table, ring };
let total = 0;
for (let round = 1; round <= 3; round++) {
  // An array's store grows by half when it is full: twice as many values make it larger for sure.
  const requests = round === 1 ? 40000 : total;
  work(requests);
  total += requests;
  v8.writeHeapSnapshot(`${process.argv[2]}-${round}.heapsnapshot`);
}
process.exit(received.length === 0 ? 1 : 0);
