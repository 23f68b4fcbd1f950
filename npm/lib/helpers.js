'use strict';
/**
 * The two helpers of Node.js's own tests (`test/common/gc.js`), for those who know them. Their rule is weaker than `expectCollectable`'s: one
 * object that is collected proves that all are, so that leaks of some objects pass.
 *
 * Different from Node's: nothing is printed, objects of other contexts are counted, and where no object can be seen they do not pass.
 */

const v8 = require('v8');
const saved = require('./saved.js');
const { collect } = require('./collecting.js');
const { CannotTellError, LeakError } = require('./errors.js');
const { queryObjects } = require('./query.js');

/**
 * Makes up to `maxCount` objects, each in a turn of its own, until a finalizer runs. Node's version relies on a small heap
 * (`--max-old-space-size=16`) that overflows where none can be collected; here all garbage is collected at the end, and where still nothing
 * is finalized it rejects.
 */
async function checkIfCollectable(fn, maxCount = 4096, generateSnapshotAt = Infinity) {
  let finalized = 0;
  const registry = new FinalizationRegistry(() => finalized++);
  for (let count = 1; count <= maxCount && finalized === 0; count++) {
    await register(registry, fn);
    await saved.turn();
    // The hammer of the texts: a snapshot collects more thoroughly than gc().
    if (count % generateSnapshotAt === 0) v8.getHeapSnapshot().pause().read();
  }
  for (let round = 0; round < 5 && finalized === 0; round++) {
    collect();
    await saved.wait(20);
  }
  if (finalized === 0) throw new LeakError(`leak: none of ${maxCount} objects was collected`, { verdict: 'leak' });
}

/** Apart, so that no variable holds the object. */
async function register(registry, fn) {
  registry.register(await fn());
}

/**
 * Calls `fn` up to `count` times, which makes some objects of `klass` and returns how many, and counts after each. Resolves to how many were
 * collected as soon as some were; rejects where none were.
 */
async function checkIfCollectableByCounting(fn, klass, count, waitTime = 20) {
  seen(klass);
  const initial = queryObjects(klass);
  let created = 0;
  for (let call = 0; call < count; call++) {
    const made = await fn(call);
    if (!(made > 0)) throw new CannotTellError(`cannot tell: call ${call + 1} said that it made ${made} objects`);
    created += made;
    await saved.wait(waitTime);
    const collected = initial + created - queryObjects(klass);
    if (collected > 0) return collected;
  }
  throw new LeakError(`leak: none of ${created} objects of ${klass.name} was collected`, { verdict: 'leak' });
}

/** Makes sure that objects of a class can be seen: else all would seem to be collected. */
function seen(klass) {
  const before = queryObjects(klass);
  const one = Object.create(klass.prototype);
  const after = queryObjects(klass);
  if (after !== before + 1) throw new CannotTellError(`cannot tell: objects of ${klass.name} cannot be counted here`);
  return one;
}

module.exports = { checkIfCollectable, checkIfCollectableByCounting };
