'use strict';
// One process, three snapshots: a map and a listener list that grow, a cache that stays bounded, objects that come and go.
// usage: node growth.js OUT_PREFIX
const v8 = require('v8');
const { EventEmitter } = require('events');

class Session {
  constructor(i) {
    this.id = 'session-' + i;
    this.data = { user: 'user ' + i, roles: ['a', 'b'], seen: new Date(i) };
  }
}
class Entry {
  constructor(i) {
    this.i = i;
    this.body = ['entry', i].join(' ').repeat(4);
  }
}
const sessions = new Map();
const cache = new Map();
const bus = new EventEmitter().setMaxListeners(0);
const scratch = { batch: [], renamed: [] };
let next = 0;

function work(requests) {
  scratch.batch = [];
  for (let i = 0; i < requests; i++, next++) {
    const session = new Session(next);
    sessions.set(session.id, session);
    bus.on('flush', () => session.data);
    cache.set(next % 100, new Entry(next));
    scratch.batch.push({ request: next, at: [next] });
  }
  // Shapes that are common in one snapshot and rare in another: their names depend on which one is asked.
  scratch.renamed = Array.from({ length: next }, (_, i) => (i < 1200 ? { early: {}, i } : { early: {}, i, late: [] }));
}

globalThis.state = { sessions, cache, bus, scratch };
for (let round = 1; round <= 3; round++) {
  work(round === 1 ? 1000 : 400);
  v8.writeHeapSnapshot(`${process.argv[2]}-${round}.heapsnapshot`);
}
process.exit(0);
