'use strict';
/**
 * Calls a function that may never come back: no timer fires while JavaScript runs, but `vm` has a thread that ends it.
 *
 * It costs a thread a call, so that only the first calls are made this way. What blocks after an `await`, or in a later call, is not ended.
 */

const vm = require('vm');
const { mainGlobal } = require('./saved.js');

const KEY = '__heapwhy_calls__';
const script = new vm.Script(`globalThis.${KEY}()`, { filename: 'heapwhy' });

/** Thrown where the time is over. */
class Blocked extends Error {}

/** Runs `work` and returns what it returns. */
function within(ms, work) {
  Object.defineProperty(mainGlobal, KEY, { value: work, configurable: true, enumerable: false });
  try {
    return script.runInThisContext({ timeout: Math.ceil(ms), displayErrors: false });
  } catch (error) {
    throw error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? new Blocked(`has blocked the event loop for ${ms} ms and was ended`) : error;
  } finally {
    delete mainGlobal[KEY];
  }
}

module.exports = { within, Blocked };
