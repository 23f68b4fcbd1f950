'use strict';
// Leaks of one kind, three times as large each time, and writes a snapshot after each: node leaks.js KIND FOLDER.
const v8 = require('v8');
const path = require('path');

const [kind, folder] = process.argv.slice(2);
const never = new Promise(() => {});

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
