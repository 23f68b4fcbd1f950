// Makes large objects all the time, each of which V8 gives memory of its own, and drops the oldest.
'use strict';

class Held {
  constructor(id) {
    this.id = id;
    this.seen = new Array(40_000).fill(id);
  }
}

const held = [];
globalThis.held = held;
let next = 0;
setInterval(() => {
  for (let nth = 0; nth < 3; nth++) held.push(new Held((next += 1)));
  if (held.length > 150) held.splice(0, 100);
}, 1);
setTimeout(() => console.log('ready'), 100);
