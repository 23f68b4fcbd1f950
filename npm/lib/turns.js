'use strict';
/** One check at a time in a process: two at once would measure each other's functions. */

const { mainGlobal } = require('./saved.js');

/** Where the queue hangs: one for all copies of this package and all contexts of the process. */
const KEY = Symbol.for('heapwhy.turns');

/** Runs `work` when all that came before is through. */
function alone(work) {
  const before = mainGlobal[KEY] || Promise.resolve();
  const mine = before.then(work);
  const through = mine.then(
    () => {},
    () => {},
  );
  Object.defineProperty(mainGlobal, KEY, { value: through, configurable: true, enumerable: false, writable: true });
  return mine;
}

module.exports = { alone };
