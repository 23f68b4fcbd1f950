'use strict';
/** The errors by which verdicts reach a test runner. They know no wording. */

/** The verdict is "leak". `result` is what it rests on. */
class LeakError extends Error {
  constructor(message, result) {
    super(message);
    this.name = 'LeakError';
    this.code = 'HEAPWHY_LEAK';
    hide(this, 'result', result);
  }
}

/** The verdict is "cannot tell": never a pass. `cause` is why, where something failed. */
class CannotTellError extends Error {
  constructor(message, result, cause) {
    super(message);
    this.name = 'CannotTellError';
    this.code = 'HEAPWHY_CANNOT_TELL';
    if (cause !== undefined) this.cause = cause;
    hide(this, 'result', result);
  }
}

/** Runners print all properties of an error that can be enumerated: the message says it better. */
function hide(error, name, value) {
  Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true });
}

module.exports = { LeakError, CannotTellError };
