'use strict';
// What Node.js itself holds: sockets, timers, promises, streams, workers, contexts of node:vm, buffers, closures.
// usage: node runtime.js OUT_PREFIX
const v8 = require('v8');
const vm = require('vm');
const net = require('net');
const http = require('http');
const zlib = require('zlib');
const crypto = require('crypto');
const { EventEmitter, once } = require('events');
const { AsyncLocalStorage, AsyncResource } = require('async_hooks');
const { Readable, Transform } = require('stream');
const { Worker, MessageChannel } = require('worker_threads');

const state = {};
globalThis.state = state;

function closures() {
  const made = [];
  for (let i = 0; i < 200; i++) {
    const large = new Array(20).fill({ i });
    const small = { i };
    made.push(() => small, () => large.length, function named() { return [small, large, i]; });
    made.push(((a, b) => () => a + b)(i, { deep: () => () => made.length }).bind({ bound: i }, i));
  }
  return made;
}

function contexts() {
  const kept = [];
  for (let i = 0; i < 4; i++) {
    const context = vm.createContext({ shared: state, i });
    vm.runInContext('class Inner { constructor() { this.list = [i]; } }; globalThis.inner = [new Inner(), { a: {}, b: {} }, () => shared];', context);
    // Of two the context itself is let go: its objects are all that keeps it.
    kept.push(i % 2 ? { context } : { leaked: vm.runInContext('inner', context) });
  }
  const script = new vm.Script('(function compiled() { return { from: "script" }; })', { filename: 'compiled.vm.js' });
  return { kept, script, compiled: script.runInThisContext() };
}

function* generator(n) {
  const held = { generator: n };
  while (true) yield held;
}
async function pending(n) {
  const held = { pending: n };
  await new Promise(() => {});
  return held;
}
async function* stream(n) {
  const held = [n];
  for (;;) yield held;
}

function suspended() {
  const all = { generators: [], promises: [], streams: [] };
  for (let i = 0; i < 60; i++) {
    const running = generator(i);
    running.next();
    const flowing = stream(i);
    flowing.next();
    all.generators.push(running);
    all.streams.push(flowing);
    all.promises.push(pending(i), Promise.resolve({ i }), new Promise(() => {}).then(() => i, () => {}).finally(() => {}));
  }
  all.raced = Promise.race(all.promises.slice(2, 3)).catch(() => {});
  all.thenable = Promise.all([all.promises[0], { then() {} }]);
  return all;
}

function buffers() {
  const ab = new ArrayBuffer(100000);
  const views = [new Uint8Array(ab), new Float64Array(ab, 8, 10), new DataView(ab, 3), Buffer.from(ab, 10, 20)];
  const pooled = Array.from({ length: 100 }, (_, i) => Buffer.from('pooled ' + i));
  const own = Array.from({ length: 20 }, (_, i) => Buffer.alloc(9000 + i));
  const more = [new SharedArrayBuffer(4096), new BigInt64Array(16), pooled[0].subarray(2)];
  if (typeof WebAssembly === 'object') more.push(new WebAssembly.Memory({ initial: 1 }), new WebAssembly.Table({ initial: 4, element: 'anyfunc' }));
  return { ab, views, pooled, own, more };
}

function timers() {
  const made = [];
  for (let i = 0; i < 50; i++) made.push(setTimeout(() => state, 1e6 + i), setInterval(tick => tick, 1e6, { i }));
  setImmediate(() => state).unref();
  return made;
}

function emitters() {
  const bus = new EventEmitter().setMaxListeners(0);
  for (let i = 0; i < 100; i++) bus.on('change', () => i);
  bus.once('once', () => bus);
  process.on('SIGUSR2', () => bus);
  const target = new EventTarget();
  target.addEventListener('x', () => target);
  const controller = new AbortController();
  controller.signal.addEventListener('abort', () => controller);
  return { bus, target, controller };
}

function storage() {
  const als = new AsyncLocalStorage();
  const resources = [];
  for (let i = 0; i < 40; i++) {
    als.run({ request: i, user: { name: 'u' + i } }, () => {
      resources.push(new AsyncResource('Job'), new Promise(() => {}), setTimeout(() => als.getStore(), 1e6));
    });
  }
  return { als, resources };
}

async function sockets() {
  const server = net.createServer(socket => socket.on('data', () => {})).listen(0);
  const web = http.createServer((request, response) => request.url === '/slow' || response.end('ok')).listen(0);
  await Promise.all([once(server, 'listening'), once(web, 'listening')]);
  const clients = Array.from({ length: 10 }, () => net.connect(server.address().port));
  await Promise.all(clients.map(client => once(client, 'connect')));
  clients.forEach((client, i) => client.write('hello ' + i));
  clients[0].destroy();
  const agent = new http.Agent({ keepAlive: true });
  const requests = ['/fast', '/slow'].map(path => http.get({ port: web.address().port, path, agent }));
  requests[1].on('error', () => {});
  const [response] = await once(requests[0], 'response');
  response.resume();
  await once(response, 'end');
  return { server, web, clients, agent, requests };
}

function streams() {
  const gzip = zlib.createGzip();
  gzip.write('text to squeeze');
  const upper = new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) });
  return { gzip, piped: Readable.from(['a', 'b']).pipe(upper), hash: crypto.createHash('sha256').update('x'), channel: new MessageChannel() };
}

function worker() {
  const code = 'const { parentPort } = require("worker_threads"); globalThis.held = new Map([[1, {}]]); parentPort.on("message", () => {}); parentPort.postMessage(1)';
  const thread = new Worker(code, { eval: true });
  return once(thread, 'message').then(() => ({ thread }));
}

async function main() {
  Object.assign(state, { closures: closures(), contexts: contexts(), suspended: suspended(), buffers: buffers(), timers: timers() });
  Object.assign(state, { emitters: emitters(), storage: storage(), streams: streams(), sockets: await sockets(), worker: await worker() });
  state.errors = Array.from({ length: 20 }, (_, i) => Object.assign(new TypeError('error ' + i), { cause: { i } }));
  state.proxies = [new Proxy({ target: {} }, { get: () => 1 }), Proxy.revocable([], {})];
  state.intl = [new Intl.NumberFormat('en'), new Intl.DateTimeFormat('en')];
  state.detached = (() => { const { port1 } = new MessageChannel(); return { port1 }; })();
  await new Promise(resolve => setTimeout(resolve, 50));
  v8.writeHeapSnapshot(process.argv[2] + '.heapsnapshot');
  process.exit(0);
}
main();
