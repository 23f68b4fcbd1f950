// Grows by sessions that nobody deletes, while a cache is full and a burst of garbage is made and dropped: heapwhy captures it several times.
'use strict';

class Session {
  constructor(id) {
    this.id = id;
    this.seen = new Array(50).fill(id);
  }
}

class Page {
  constructor(id) {
    this.id = id;
    this.body = `page ${id} `.repeat(20);
  }
}

class SessionCache {
  constructor() {
    this.byId = new Map();
  }
}

const sessions = new SessionCache();
const pages = new Map();
let next = 0;

function work() {
  for (let nth = 0; nth < 40; nth++) {
    next += 1;
    sessions.byId.set(`session ${next}`, new Session(next));
    pages.set(next % 2000, new Page(next));
  }
}

for (let nth = 0; nth < 100; nth++) work();
setInterval(work, 20);
console.log('ready');
