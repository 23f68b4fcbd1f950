'use strict';
// Writes diagnostic reports, and beside each what the process says of itself: node reported.js open|die FOLDER.
const fs = require('fs');
const net = require('net');
const path = require('path');
const v8 = require('v8');
const { Worker } = require('worker_threads');

const [mode, folder] = process.argv.slice(2);
const SOCKETS = 40;

function report(number, more) {
  const before = process.memoryUsage();
  // Into the folder that --report-directory names.
  process.report.writeReport(`${mode}-${number}.json`);
  const after = process.memoryUsage();
  const heap = v8.getHeapStatistics();
  const facts = { pid: process.pid, version: process.versions.node, v8: process.versions.v8, before, after, limit: heap.heap_size_limit, contexts: heap.number_of_native_contexts, ...more };
  fs.writeFileSync(path.join(folder, `${mode}-${number}.facts`), JSON.stringify(facts));
}

// Sockets pile up, and Buffers.
async function open() {
  const held = [];
  const server = net.createServer((socket) => held.push(socket));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const worker = new Worker('setInterval(() => {}, 1000)', { eval: true, name: 'pool' });
  await new Promise((resolve) => worker.once('online', resolve));
  for (let round = 1; round <= 3; round++) {
    for (let nth = 0; nth < SOCKETS; nth++) {
      const socket = net.connect(server.address().port, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      held.push(socket);
    }
    while (held.filter((one) => one instanceof net.Socket).length < 2 * round * SOCKETS) await new Promise((resolve) => setTimeout(resolve, 5));
    held.push(Buffer.alloc(20 << 20, round));
    report(round, { sockets: 2 * round * SOCKETS + 1, port: server.address().port });
  }
  process.exit();
}

// V8 gives up, and writes the last report itself (--report-on-fatalerror).
function die() {
  report(1);
  class Session { constructor(number) { this.tags = Array.from({ length: 20 }, () => number); } }
  const sessions = new Map();
  for (let number = 0; ; number++) sessions.set(number, new Session(number));
}

({ open, die })[mode]();
