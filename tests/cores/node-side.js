'use strict';
// One of each thing that Node.js keeps outside V8's heap, and what the process itself says of them.
// usage: node --expose-gc node-side.js OUTDIR; writes OUTDIR/{truth.json,main.heapsnapshot,ready}, then stands still.
const fs = require('fs'), path = require('path'), v8 = require('v8'), net = require('net'), http = require('http');
const dgram = require('dgram'), dns = require('dns'), inspector = require('inspector');
const { spawn, execFileSync } = require('child_process');
const { Worker } = require('worker_threads');
const OUT = process.argv[2];
const K = { leaks: [] };
globalThis.__KEEP = K;
const DROPPED_UDP = 20, DROPPED_SESSIONS = 12, FIFOS = 4, QUIET = 15;

function timers() {
  K.timeout = setTimeout(function oneHour() {}, 3600e3);
  K.unref = setTimeout(function halfAnHour() {}, 1800e3).unref();
  K.interval = setInterval(function everyTwoHours() {}, 7200e3);
}

function buffers() {
  K.big = Buffer.alloc(1 << 20, 1);
  K.part = K.big.subarray(100, 200);
  K.shared = new SharedArrayBuffer(1 << 16);
  K.sharedViews = [new Uint8Array(K.shared), new Float64Array(K.shared)];
  K.owned = new ArrayBuffer(300000);
}

// Sockets that nobody binds, and sessions that nobody disconnects: Node.js keeps each by a strong handle.
function leak() {
  for (let i = 0; i < DROPPED_UDP; i++) K.leaks.push(new WeakRef(dgram.createSocket('udp4')));
  for (let i = 0; i < DROPPED_SESSIONS; i++) {
    const session = new inspector.Session();
    session.connect();
    K.leaks.push(new WeakRef(session));
  }
}

function requests() {
  K.fifos = [];
  for (let i = 0; i < FIFOS; i++) {
    const fifo = path.join(OUT, 'fifo' + i);
    execFileSync('mkfifo', [fifo]);
    fs.open(fifo, 'r', function opened() {}); // waits for a writer that never comes
    K.fifos.push(fifo);
  }
  dns.lookup('heapwhy.invalid', function lookedUp() {}); // all threads of libuv's pool wait for the pipes
}

function others() {
  K.child = spawn('sleep', ['600'], { stdio: ['pipe', 'ignore', 'ignore'] });
  K.watcher = fs.watch(OUT, () => {});
  process.on('SIGUSR2', () => {});
  K.udp = dgram.createSocket('udp4');
  K.accepted = [];
  K.server = net.createServer({ pauseOnConnect: true }, (socket) => { void socket.remoteAddress; void socket.localAddress; K.accepted.push(socket); });
  K.http = http.createServer(() => {});
}

// A healthy server: nobody but Node.js holds its sockets, and they wait for data.
function quiet(done) {
  const server = net.createServer(() => {});
  let connected = 0;
  server.listen(0, '127.0.0.1', () => {
    for (let i = 0; i < QUIET; i++) net.connect(server.address().port, '127.0.0.1', () => { if (++connected === QUIET) done(); });
  });
}

// A second isolate, with a server of its own.
const IN_WORKER = `
const { parentPort } = require('worker_threads');
const server = require('net').createServer(() => {});
server.listen(0, '127.0.0.1', () => parentPort.postMessage({
  fd: server._handle.fd, resources: process.getActiveResourcesInfo ? process.getActiveResourcesInfo() : null,
}));`;

function worker(done) {
  K.worker = new Worker(IN_WORKER, { eval: true });
  K.worker.once('message', (told) => { K.told = told; done(); });
}

function connect(done) {
  K.udp.bind(0, '127.0.0.1', () => K.http.listen(0, '127.0.0.1', () => K.server.listen(0, '127.0.0.1', () => {
    K.clients = [0, 1, 2].map(() => net.connect(K.server.address().port, '127.0.0.1', function () { void this.remoteAddress; void this.localAddress; }));
    K.clients[0].write(Buffer.alloc(32 << 20)); // more than the kernel takes: the write stays in flight
    setTimeout(done, 500);
  })));
}

function truth() {
  const fd = (owner) => owner._handle.fd;
  const socket = (one) => ({ fd: fd(one), local: `${one.localAddress}:${one.localPort}`, peer: `${one.remoteAddress}:${one.remotePort}` });
  return {
    resources: process.getActiveResourcesInfo ? process.getActiveResourcesInfo() : null,
    handles: process._getActiveHandles().map((handle) => handle.constructor.name),
    requests: process._getActiveRequests().map((request) => request.constructor.name),
    server: { fd: fd(K.server), port: K.server.address().port },
    http: { fd: fd(K.http), port: K.http.address().port },
    clients: K.clients.map(socket), accepted: K.accepted.map(socket),
    udp: { fd: K.udp[Object.getOwnPropertySymbols(K.udp).find((key) => key.description === 'state symbol')].handle.fd },
    worker: K.told, child: K.child.pid, watched: OUT, fifos: K.fifos,
    leaked: { UDPWrap: DROPPED_UDP, JSBindingsConnection: DROPPED_SESSIONS, alive: K.leaks.filter((leak) => leak.deref()).length },
  };
}

function finish() {
  gc();
  setTimeout(() => {
    gc();
    fs.writeFileSync(path.join(OUT, 'truth.json'), JSON.stringify(truth(), null, 1));
    v8.writeHeapSnapshot(path.join(OUT, 'main.heapsnapshot'));
    fs.writeFileSync(path.join(OUT, 'ready'), '');
  }, 300);
}

timers(); buffers(); leak(); others();
quiet(() => worker(() => connect(() => { requests(); finish(); })));
