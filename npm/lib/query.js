'use strict';
/** `queryObjects` of Node.js 20 and later, for all versions and inside other contexts. */

const { Counter } = require('./counting.js');
const { CannotTellError } = require('./errors.js');
const { realmsOf } = require('./realms.js');

/**
 * How many live objects have the prototype of `constructor` in theirs; with `{format: 'summary'}` a text of each. Collects all garbage.
 * Throws `CannotTellError` where they cannot be counted: 0 would be an answer.
 */
function queryObjects(constructor, { format = 'count' } = {}) {
  if (typeof constructor !== 'function') throw new TypeError('heapwhy: queryObjects takes a constructor');
  if (format !== 'count' && format !== 'summary') throw new TypeError(`heapwhy: queryObjects knows no format ${format}`);
  const counter = counterOf(constructor);
  try {
    if (counter.lacking) throw new CannotTellError(`cannot tell: ${counter.lacking}`);
    return format === 'count' ? counter.count(() => constructor.prototype) : counter.summaries(constructor.prototype);
  } finally {
    counter.close();
  }
}

/** Counts where objects of a class may have been made: in its own context, that of the caller, and Node's. */
function counterOf(constructor) {
  return new Counter(realmsOf(constructor));
}

module.exports = { queryObjects, counterOf };
