'use strict';
// An allocation timeline, as DevTools records it: stacks of allocations, samples over time. A worker records, so that receiving the file
// allocates nothing in the heap that is being written.
// usage: node timeline.js OUT_PREFIX
const { createWriteStream } = require('fs');
const { Session } = require('inspector');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

class Job {
  constructor(i) {
    this.i = i;
    this.input = { text: 'input ' + i, list: [i, { i }] };
  }
}
const kept = [];
const allocate = i => kept.push(new Job(i));
const parse = i => kept.push(JSON.parse(`{"parsed": ${i}, "more": [1, {"x": ${i}}]}`));
function burst(from, to) {
  for (let i = from; i < to; i++) (i % 2 ? allocate : parse)(i);
  kept.splice(0, 100);
}

async function record(session, post, path, method) {
  const out = createWriteStream(path);
  const write = ({ params }) => out.write(params.chunk);
  session.on('HeapProfiler.addHeapSnapshotChunk', write);
  await post(method, { reportProgress: false });
  session.removeListener('HeapProfiler.addHeapSnapshotChunk', write);
  await new Promise(resolve => out.end(resolve));
}

async function recorder(prefix) {
  setInterval(() => {}, 1000); // a pending answer of the inspector keeps no thread alive
  const session = new Session();
  session.connectToMainThread();
  const post = (method, params) =>
    new Promise((resolve, reject) => session.post(method, params, (error, result) => (error ? reject(error) : resolve(result))));
  const work = (from, to) =>
    new Promise(resolve => {
      parentPort.once('message', () => setTimeout(resolve, 120));
      parentPort.postMessage([from, to]);
    });
  await post('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
  for (let round = 0; round < 5; round++) await work(round * 500, (round + 1) * 500);
  await record(session, post, prefix + '-tracking.heapsnapshot', 'HeapProfiler.takeHeapSnapshot');
  await work(10000, 10500);
  await record(session, post, prefix + '.heaptimeline', 'HeapProfiler.stopTrackingHeapObjects');
  parentPort.postMessage(null);
}

if (isMainThread) {
  const worker = new Worker(__filename, { workerData: process.argv[2] });
  worker.on('message', range => {
    if (!range) process.exit(0);
    burst(...range);
    worker.postMessage('done');
  });
} else {
  recorder(workerData);
}
