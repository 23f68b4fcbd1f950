'use strict';
/** A check of the check: a leak is planted, and must be found. It cannot pass where leaks cannot be seen. */

const { measureGrowth } = require('./growth.js');
const { CannotTellError } = require('./errors.js');

class Planted {
  constructor(call) {
    this.call = call;
  }
}

/**
 * Judges `fn` with a leak planted beside it: one object a call. Resolves to what was found, rejects with `CannotTellError` where the leak was
 * not. Without a function it asks whether leaks can be found in this place at all.
 */
async function selfCheck(fn = () => {}, options = {}) {
  const kept = [];
  const leaking = (call) => {
    kept.push(new Planted(call));
    return fn(call);
  };
  const result = await measureGrowth(leaking, { ...options, explain: 'never', selfCheck: false });
  kept.length = 0;
  const found = result.verdict === 'leak' && result.grew.some(({ signal }) => signal === 'objects');
  if (!found) throw new CannotTellError(`cannot tell: a leak was planted, and the verdict was "${result.verdict}" (${result.why})`, result);
  return result;
}

module.exports = { selfCheck };
