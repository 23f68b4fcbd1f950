'use strict';
/**
 * In which contexts objects are counted: Node's own, the one that this package was loaded in (Jest and Vitest's vmForks run tests in one of
 * their own, and `v8.queryObjects` sees no object of it), and that of the function under test.
 *
 * Objects of further contexts are not counted; what they take shows in the heap, and they themselves in the number of contexts.
 */

const { mainGlobal } = require('./saved.js');

const prototypeOf = Object.getPrototypeOf;

/** The global object of the context that a function was made in; null where that cannot be known. */
function globalOf(fn) {
  try {
    let prototype = prototypeOf(fn);
    // Async functions and generators have a prototype of their own below that of functions; classes have their base.
    while (prototype && !Object.prototype.hasOwnProperty.call(prototype, 'apply')) prototype = prototypeOf(prototype);
    return prototype.constructor('return globalThis')();
  } catch {
    // Node.js was started with --disallow-code-generation-from-strings.
    return null;
  }
}

/** The global objects of the contexts in which objects are counted for a function; Node's own first. */
function realmsOf(fn) {
  return [...new Set([mainGlobal, globalThis, globalOf(fn)].filter(Boolean))];
}

module.exports = { realmsOf };
