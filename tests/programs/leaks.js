'use strict';
// Leaks of one kind, three times as large each time, and writes a snapshot after each: node leaks.js KIND FOLDER.
const fs = require('fs');
const v8 = require('v8');
const path = require('path');

const [kind, folder] = process.argv.slice(2);
const never = new Promise(() => {});
const target = new EventTarget();
const stop = new AbortController();

class Entry {
  constructor(number, older) {
    this.text = `request ${number} `.repeat(40).split(' ');
    this.older = older;
  }
}

class History {
  newest = null;
  add(number) { this.newest = new Entry(number, this.newest); }
}

const history = new History();

const leaks = {
  timers(number) {
    const history = Array.from({ length: 100 }, (_, at) => ({ at, number }));
    setInterval(function beat() { return history.length; }, 60_000);
  },
  async promises(number) {
    const body = { number, text: `request ${number} `.repeat(40).split(' ') };
    await never;
    return body;
  },
  async races(number) {
    const text = `request ${number} `.repeat(40).split(' ');
    return await Promise.race([never, text]);
  },
  targets(number) {
    const text = `request ${number} `.repeat(40).split(' ');
    target.addEventListener('tick', function onTick() { return text.length; });
  },
  signals(number) {
    const text = `request ${number} `.repeat(40).split(' ');
    stop.signal.addEventListener('abort', function onAbort() { return text.length; });
  },
  lists(number) {
    history.add(number);
  },
  modules(number) {
    const file = path.join(folder, `module-${number}.js`);
    fs.writeFileSync(file, `exports.text = ${JSON.stringify(`request ${number} `.repeat(40).split(' '))};`);
    return require(file).text.length;
  },
};

(async () => {
  let number = 0;
  for (let round = 1; round <= 3; round++) {
    for (let nth = 0; nth < 400; nth++) leaks[kind](number++);
    await new Promise((done) => setTimeout(done, 10));
    v8.writeHeapSnapshot(path.join(folder, `${kind}-${round}.heapsnapshot`));
  }
  process.exit(0);
})();
