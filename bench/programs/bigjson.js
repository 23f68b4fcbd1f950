'use strict';
// An API server's object graph: users, orders, a dictionary of sets, closures behind a WeakMap, a parsed JSON copy and ORM documents.
// usage: node bigjson.js ORDERS DOCUMENTS OUT, or node --expose-gc bigjson.js ORDERS DOCUMENTS OUT.used: the bytes in use, then the end by abort()
const v8 = require('v8');
const mongoose = require('mongoose');

class User {
  constructor(i) {
    this.id = i;
    this.name = `user ${i}`;
    this.email = `user${i}@example.org`;
    this.tags = ['a' + (i % 7), 'b' + (i % 11)];
    this.createdAt = new Date(1600000000000 + i * 1000);
    this.profile = { address: { street: `street ${i}`, city: `city ${i % 300}` }, preferences: { theme: 'dark', lines: i % 40 } };
  }
}
class Order {
  constructor(i, user) {
    this.id = 'order-' + i;
    this.user = user;
    this.total = i * 1.37;
    this.placedAt = new Date(1600000000000 + i * 1000);
    this.lines = [
      { sku: 'sku' + (i % 900), count: i % 9, price: i / 3 },
      { sku: 'sku' + (i % 800), count: i % 8, price: i / 7 },
    ];
  }
}

const [orderCount, documentCount, out] = [+process.argv[2], +process.argv[3], process.argv[4]];
const users = [];
const orders = new Map();
const byCity = Object.create(null);
const notes = new WeakMap();
for (let i = 0; i < Math.ceil(orderCount / 5); i++) users.push(new User(i));
for (let i = 0; i < orderCount; i++) {
  const user = users[i % users.length];
  const order = new Order(i, user);
  orders.set(order.id, order);
  (byCity[`${user.profile.address.city}/${i % 1000}`] ??= new Set()).add(order);
  if (i % 100 === 0) notes.set(order, { recompute: () => order.total * user.id });
}
const copy = JSON.parse(JSON.stringify([...orders.values()].slice(0, Math.ceil(orderCount * 0.35))));
users.forEach((user, i) => (user.follows = Array.from({ length: 8 }, (_, k) => users[(i * 31 + k * 977) % users.length])));

const Item = new mongoose.Schema({ sku: String, count: Number, at: Date });
const Doc = mongoose.model('Doc', new mongoose.Schema({ title: String, items: [Item], meta: { by: String, tags: [String] } }));
const documents = [];
for (let i = 0; i < documentCount; i++) {
  documents.push(new Doc({ title: `doc ${i}`, items: [{ sku: 'x' + i, count: i }, { sku: 'y' + i, count: 1 }], meta: { by: `u${i}`, tags: ['k', 'l' + i] } }));
}
globalThis.state = { users, orders, byCity, notes, copy, documents };
if (out.endsWith('.used')) {
  globalThis.gc();
  require('fs').writeFileSync(out, String(process.memoryUsage().heapUsed));
  process.abort();
}
v8.writeHeapSnapshot(out);
process.exit(0);
