'use strict';
// A program that knows what is to be found in it, in its main thread and in a worker: closures, promises, listeners, realms, words. It writes
// what V8 says of its heap just before it stands still. Usage: node --expose-gc answers.js FOLDER
const fs = require('fs');
const path = require('path');
const v8 = require('v8');
const vm = require('vm');
const EventEmitter = require('events');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

// A heap that is idle for a while is made smaller, which would make lies of what was written.
v8.setFlagsFromString('--no-memory-reducer');
const folder = isMainThread ? process.argv[2] : workerData.folder;
const keep = (globalThis.__KEEP = {});
const shared = { tag: 'seen-by-all' };

function makeCounter(n) {
  const label = 'counter-' + n;
  let count = n * 1.5;
  {
    const inBlock = { n };
    return function counted() {
      return [label, count++, inBlock, shared];
    };
  }
}
keep.counters = Array.from({ length: 37 }, (_, n) => makeCounter(n));
keep.bound = keep.counters[0].bind(null);

keep.never = new Promise(() => {});
async function waitsForNever(n) {
  const own = { n };
  await keep.never;
  await own.n;
  return own;
}
keep.waiting = Array.from({ length: 5 }, (_, n) => waitsForNever(n));
keep.fulfilled = Promise.resolve(4217);
keep.withObject = Promise.resolve(shared);
keep.rejected = Promise.reject(new Error('on purpose'));
keep.rejected.catch(() => {});

keep.emitter = new EventEmitter();
for (let n = 0; n < 9; n++) keep.emitter.on('tick', function onTick() { return n; });
keep.emitter.once('done', function onDone() {});
keep.target = new EventTarget();
for (let n = 0; n < 3; n++) keep.target.addEventListener('stop', () => n);

const created = Date.now();
keep.timers = {
  timeout: setTimeout(function oneHour() {}, 3600e3),
  unref: setTimeout(function halfAnHour() {}, 1800e3).unref(),
  interval: setInterval(function everyTwoHours() {}, 7200e3),
  cleared: setTimeout(function never() {}, 5e6),
  // Runs before the program stands still.
  immediate: setImmediate(function soon() {}),
};
clearTimeout(keep.timers.cleared);

const owned = new ArrayBuffer(70000);
keep.buffers = {
  big: Buffer.alloc(300001, 1),
  owned,
  view: new DataView(owned, 8, 64),
  shared: new SharedArrayBuffer(1 << 16),
  small: new Uint8Array(8),
  pooled: Buffer.from('pooled'),
  text: Buffer.alloc(2 << 20, 'E').toString('latin1'),
};
keep.buffers.part = keep.buffers.big.subarray(100, 1100);

const pad = 'lorem-'.repeat(40000); // longer than a page holds
const flat = (text) => Buffer.from(text).toString('latin1');
keep.texts = {
  flat: flat(pad + 'flat-needle'),
  joined: [pad + 'straddl', 'ing-needle' + pad].reduce((a, b) => a + b),
  sliced: flat(pad + 'sliced-needle!!').slice(7),
};

keep.needle = ['needle', 'in', isMainThread ? 'main' : 'worker'].join('-');
keep.words = { knownLabel: 'known', small: 123454321, double: 4217421742.5 };

class Sources {
  async *walk(of) {
    yield* of;
  }
  static #hidden() {
    return 1;
  }
  static hidden() {
    return Sources.#hidden;
  }
}
keep.sources = [makeCounter, keep.counters[3], waitsForNever, Sources.prototype.walk, Sources.hidden(), (a, b) => a + b, async (a) => a];

function sizes() {
  const spaces = {};
  for (const { space_name, space_size } of v8.getHeapSpaceStatistics()) spaces[space_name] = space_size;
  return JSON.stringify(spaces);
}

function stand(name) {
  const sources = JSON.stringify(keep.sources.map(String));
  gc();
  // To write sizes down takes memory, and V8 tidies up when nothing happens: what is written last is still so.
  let written;
  let calm = 0;
  setInterval(() => {
    const spaces = sizes();
    calm = spaces === written ? calm + 1 : 0;
    written = spaces;
    if (calm === 0) {
      const { arrayBuffers } = process.memoryUsage();
      fs.writeFileSync(path.join(folder, name), `{"created":${created},"arrayBuffers":${arrayBuffers},"spaces":${spaces},"sources":${sources}}`);
    }
    if (calm !== 20) return;
    if (isMainThread) fs.writeFileSync(path.join(folder, 'ready'), '');
    else parentPort.postMessage('stands');
  }, 50);
}

if (isMainThread) {
  keep.realms = [vm.createContext({}), vm.createContext({})];
  keep.worker = new Worker(__filename, { workerData: { folder } });
  v8.writeHeapSnapshot(path.join(folder, 'main.heapsnapshot'));
  keep.worker.postMessage('stand');
  keep.worker.once('message', () => stand('main.json'));
} else {
  parentPort.on('message', () => stand('worker.json'));
}
