'use strict';
/**
 * Garbage collection where nobody gave `--expose-gc`.
 *
 * It knows three ways and says which it took. One `gc()` is one round: it does not collect all that is unreachable.
 */

const v8 = require('v8');
const vm = require('vm');
const saved = require('./saved.js');

let known = null;

/** How V8's `gc` is reached: `{gc, by}`. */
function reach() {
  if (known) return known;
  if (typeof saved.mainGlobal.gc === 'function') return (known = { gc: saved.mainGlobal.gc, by: '--expose-gc' });
  try {
    v8.setFlagsFromString('--expose-gc');
    // Only contexts that are made from now on have it; it stays hidden from the program.
    const gc = vm.runInNewContext('gc');
    v8.setFlagsFromString('--no-expose-gc');
    return (known = { gc, by: "v8.setFlagsFromString and vm.runInNewContext('gc')" });
  } catch {
    return (known = { gc: null, by: 'not at all' });
  }
}

/** One round of collection. */
function round() {
  const { gc } = reach();
  if (gc) gc();
  else if (typeof saved.queryObjects === 'function') saved.quietly(() => saved.queryObjects(Rare));
}

/**
 * All garbage that V8 can find now, finalizers' turn left to the caller. `v8.queryObjects` does what a heap snapshot does before it is
 * written: rounds until nothing more is freed. Returns how.
 */
function collect() {
  if (typeof saved.queryObjects === 'function') {
    saved.quietly(() => saved.queryObjects(Rare));
    return 'v8.queryObjects';
  }
  for (let rounds = 0; rounds < 4; rounds++) round();
  return reach().by;
}

class Rare {}

module.exports = { reach, round, collect };
