'use strict';
// Maps, sets, and everything that holds weakly: 2,000 ephemerons, some with keys that only their own values reach.
// usage: node collections.js OUT_PREFIX
const v8 = require('v8');

class Key {
  constructor(i) {
    this.i = i;
  }
}
class Value {
  constructor(payload) {
    this.payload = payload;
  }
}
const state = { keys: [], maps: [], sets: [], weakMaps: [new WeakMap(), new WeakMap(), new WeakMap()], weakSets: new WeakSet(), refs: [] };
for (let i = 0; i < 1200; i++) {
  const key = new Key(i);
  state.keys.push(key);
  state.weakMaps[0].set(key, new Value({ i }));
  if (i % 2 === 0) state.weakMaps[1].set(key, new Value([key, { shared: i }]));
  state.weakSets.add(key);
}
// Chains: each key is reachable from the value of the one before, so that one strong key keeps them all.
let link = state.keys[0];
for (let i = 0; i < 300; i++) {
  const next = new Key(-i);
  state.weakMaps[2].set(link, new Value({ next }));
  link = next;
}
// Two tables that keep each other's keys, and a table that only a weak value knows.
const left = new Key('left');
const inner = new WeakMap();
state.weakMaps[0].set(left, new Value(inner));
inner.set(left, new Value({ table: state.weakMaps[1] }));
state.left = left;

for (let i = 0; i < 60; i++) {
  state.maps.push(new Map(Array.from({ length: i }, (_, k) => [k % 2 ? 'key' + k : { k }, new Value(k)])));
  state.sets.push(new Set(Array.from({ length: i }, (_, k) => ({ k }))));
}
const large = new Map();
for (let i = 0; i < 3000; i++) large.set('order-' + i, { id: i, lines: [i] });
for (let i = 0; i < 2500; i++) large.delete('order-' + i);
state.large = large;
state.iterators = [large.values(), new Set([1, {}])[Symbol.iterator]()];

if (typeof WeakRef === 'function') {
  const registry = new FinalizationRegistry(() => {});
  for (let i = 0; i < 200; i++) {
    const target = i % 2 ? state.keys[i] : { gone: i };
    state.refs.push(new WeakRef(target));
    registry.register(target, { held: i }, target);
  }
  state.registry = registry;
}
// Privately held data, as transpilers write it.
const privates = new WeakMap();
state.accounts = Array.from({ length: 300 }, (_, i) => {
  const account = { i };
  privates.set(account, { balance: [i], read: () => privates.get(account) });
  return account;
});
globalThis.state = state;
v8.writeHeapSnapshot(process.argv[2] + '.heapsnapshot');
process.exit(0);
