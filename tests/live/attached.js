'use strict';
// A service to attach to: sessions of two classes, a worker, memory that grows, and what it was told by signals.
//   node attached.js [handler]
// With `handler` it waits for SIGUSR1 itself.
const http = require('http');
const { Worker } = require('worker_threads');

class Session {
  constructor(id) {
    this.id = id;
    this.user = 'user-' + id;
    Object.defineProperty(this, 'trap', { get() { trapped++; return 1; }, enumerable: true });
  }
}
class AdminSession extends Session {}

let trapped = 0;
let signals = 0;
const sessions = [];
for (let i = 0; i < 1000; i++) sessions.push(new Session(i));
for (let i = 0; i < 10; i++) sessions.push(new AdminSession(i));
// A proxy in a chain of prototypes, which counts who asks it for anything.
const proxy = new Proxy(Session.prototype, { getPrototypeOf(target) { trapped++; return Reflect.getPrototypeOf(target); }, get(...all) { trapped++; return Reflect.get(...all); }, getOwnPropertyDescriptor(...all) { trapped++; return Reflect.getOwnPropertyDescriptor(...all); } });
sessions.push(Object.create(proxy));

const kept = [];
function remember(i) {
  kept.push({ id: i, more: new Array(100).fill(i) });
}
setInterval(() => { for (let i = 0; i < 20; i++) remember(i); if (kept.length > 100000) kept.length = 0; }, 5);

new Worker('class Session {}; globalThis.mine = [new Session(), new Session()]; setInterval(() => {}, 1000);', { eval: true });
if (process.argv[2] === 'handler') process.on('SIGUSR1', () => { signals++; });

const told = () => { trapped |= 0; return JSON.stringify({ trapped, signals, sessions: sessions.length }); };
http.createServer((request, response) => response.end(told())).listen(0, '127.0.0.1', function () {
  setTimeout(() => console.log('listening ' + this.address().port), 300);
});
process.stdin.on('end', () => process.exit()).resume();
