'use strict';
/** heapwhy's leak tests. What each does, `index.d.ts` says. */

const { expectNoGrowth, measureGrowth } = require('./lib/growth.js');
const { expectCollectable } = require('./lib/collectable.js');
const { expectCollected } = require('./lib/collected.js');
const { checkIfCollectable, checkIfCollectableByCounting } = require('./lib/helpers.js');
const { queryObjects } = require('./lib/query.js');
const { selfCheck } = require('./lib/self-check.js');
const { leakTest } = require('./lib/leak-test.js');
const { LeakError, CannotTellError } = require('./lib/errors.js');
const { reach } = require('./lib/collecting.js');

/** How garbage collection is reached in this process, in words. */
function gcReachedBy() {
  return reach().by;
}

module.exports = {
  expectNoGrowth,
  measureGrowth,
  expectCollectable,
  expectCollected,
  leakTest,
  selfCheck,
  queryObjects,
  checkIfCollectable,
  checkIfCollectableByCounting,
  gcReachedBy,
  LeakError,
  CannotTellError,
};
