'use strict';
// A server that does a little of everything, and knows what every answer must be. It says its port, and ends with its standard input.
const http = require('http'), fs = require('fs'), os = require('os'), path = require('path'), dns = require('dns');
const crypto = require('crypto'), zlib = require('zlib'), { execFile } = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');

// Some thousand computations, of which the least change of any number changes the last: as `client.js` has it.
function sum(n) {
  let x = 0.1 + n / 1e6, y = 0;
  for (let i = 0; i < 20000; i++) { x = 3.99 * x * (1 - x); y += Math.sqrt(x) / (i + 1.5); }
  return y;
}

if (!isMainThread) {
  // Answers messages, and waits in between in a way that a stop interrupts.
  const cell = new Int32Array(new SharedArrayBuffer(4));
  parentPort.on('message', ({ id, value, chaos }) => {
    if (chaos) return parentPort.postMessage({ id, value: sum(value) });
    const waited = Atomics.wait(cell, 0, 0, 3);
    parentPort.postMessage({ id, value: waited === 'timed-out' ? value * 2 : waited });
  });
  return;
}

const objects = [];
for (let i = 0; i < +(process.argv[2] || 50000); i++) objects.push({ id: i, name: 'object-' + i, tags: [i, i * 2], half: i / 2 });
setInterval(() => { for (let i = 0; i < 200; i++) { const at = (Math.random() * objects.length) | 0; objects[at] = { id: at, name: 'object-' + at, tags: [at, at * 2], half: at / 2 }; } }, 10);

const signals = {};
for (const name of ['SIGHUP', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGIO', 'SIGTTIN', 'SIGTTOU', 'SIGXCPU', 'SIGVTALRM', 'SIGPWR', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGCHLD']) {
  signals[name] = 0;
  process.on(name, () => signals[name]++);
}
let spawned = 0, sent = 0;

// The longest time for which the event loop stood still, in milliseconds, since it was last asked for.
let beat = process.hrtime.bigint(), gap = 0;
setInterval(() => { const now = process.hrtime.bigint(); gap = Math.max(gap, Number(now - beat) / 1e6); beat = now; }, 1);

const worker = new Worker(__filename);
const waiting = new Map();
let last = 0;
worker.on('message', ({ id, value }) => { waiting.get(id)(value); waiting.delete(id); });
const ask = (value, chaos = false) => new Promise((answer) => { waiting.set(++last, answer); worker.postMessage({ id: last, value, chaos }); });
const call = (f, ...words) => new Promise((answer, fail) => f(...words, (error, value) => (error ? fail(error) : answer(value))));

const work = {
  object: async (n) => { const o = objects[n % objects.length]; return [o.id, o.name, o.tags[1], o.half].join(); },
  timer: async (n) => { const since = process.hrtime.bigint(); await call((done) => setTimeout(done, 5)); return Number(process.hrtime.bigint() - since) > 4e6 ? n : 'early'; },
  worker: async (n) => ask(n),
  // In both threads at once.
  chaos: async (n) => { const other = ask(n, true); return [sum(n), await other].join(); },
  spawn: async (n) => { spawned++; return (await call(execFile, '/bin/echo', ['child', String(n)])).trim(); },
  file: async (n) => { const file = path.join(os.tmpdir(), `heapwhy-live-${process.pid}-${n}`); await call(fs.writeFile, file, 'text ' + n); const text = await call(fs.readFile, file, 'utf8'); await call(fs.unlink, file); return text; },
  name: async () => (await call((done) => dns.lookup('localhost', { family: 4 }, done))),
  hash: async (n) => (await call(crypto.pbkdf2, 'p' + n, 'salt', 50, 16, 'sha1')).toString('hex'),
  zip: async (n) => (await call(zlib.gunzip, await call(zlib.gzip, 'zip ' + n))).toString(),
  signal: async (n) => { const before = signals.SIGUSR2; sent++; process.kill(process.pid, 'SIGUSR2'); while (signals.SIGUSR2 === before) await call((done) => setTimeout(done, 1)); return n; },
  body: async (n) => String(n % 10).repeat(200000),
  gap: async () => { const longest = gap; gap = 0; return longest; },
  // Node's own ways to look into a heap, for comparison.
  snapshot: async () => { const file = require('v8').writeHeapSnapshot(path.join(os.tmpdir(), `heapwhy-live-${process.pid}.heapsnapshot`)); fs.unlinkSync(file); return 'written'; },
  inspector: async () => {
    const session = new (require('inspector').Session)();
    session.connect();
    let length = 0;
    session.on('HeapProfiler.addHeapSnapshotChunk', (message) => { length += message.params.chunk.length; });
    await call((done) => session.post('HeapProfiler.takeHeapSnapshot', null, done));
    session.disconnect();
    return length;
  },
  // What the process itself knows of harm.
  state: async () => JSON.stringify({ signals, spawned, sent, pending: waiting.size }),
};

const server = http.createServer(async (request, response) => {
  const [, what, n] = request.url.split('/');
  try {
    response.end(String(await work[what](+n)));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error && error.stack));
  }
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log('listening ' + server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
