'use strict';
/**
 * Calls a function many times, and leaves nothing behind.
 *
 * It knows that a function may throw, reject, never settle or end the process. It keeps no result.
 */

const saved = require('./saved.js');
const { round } = require('./collecting.js');
const { Blocked, within } = require('./deadline.js');

/** A call that gave no answer: it threw, or did not settle. */
class CallFailed extends Error {
  constructor(call, what, cause) {
    super(`call ${call + 1} ${what}`);
    this.name = 'CallFailed';
    this.call = call;
    if (cause !== undefined) this.cause = cause;
  }
}

/** After so many calls the event loop gets a turn: what a function leaves to it must not pile up. */
const BREATH = 64;

/** So many calls are ended where they block. */
const GUARDED = 8;

/** Calls of one function, counted through. */
class Calls {
  /** `limit`: how long one call may take to settle, ms. */
  constructor(fn, limit) {
    this.fn = fn;
    this.limit = limit;
    this.made = 0;
  }

  /** Makes so many calls, one after the other, with a collection after every `collect` of them. Rejects with `CallFailed`. */
  async run(count, collect = 0) {
    const end = this.made + count;
    while (this.made < end) {
      await this.#some(collect > 0 ? Math.min(collect, end - this.made) : end - this.made);
      if (collect > 0 && this.made < end) round();
    }
  }

  #some(count) {
    return new Promise((resolve, reject) => {
      let seen = this.made;
      // An interval that is not unref'd: a promise that never settles does not keep Node alive, and it would end as if all were well.
      const watch = saved.setInterval(() => {
        if (seen === this.made) stop(reject, new CallFailed(this.made, `has not settled within ${this.limit} ms`));
        seen = this.made;
      }, this.limit);
      const stop = (settle, value) => {
        saved.clearInterval(watch);
        settle(value);
      };
      this.#all(count).then(
        () => stop(resolve),
        (error) => stop(reject, error),
      );
    });
  }

  async #all(count) {
    const end = this.made + count;
    while (this.made < end) {
      const pending = this.#one();
      if (pending) await pending;
      this.made++;
      if (this.made % BREATH === 0) await saved.turn();
    }
  }

  /** One call. Returns a promise only where there is something to wait for. */
  #one() {
    const call = this.made;
    const failed = (how) => (error) => {
      throw new CallFailed(call, `${how}: ${inWords(error)}`, error);
    };
    let result;
    try {
      // Not as a method: what is under test must not find this package in `this`.
      const { fn } = this;
      result = call < GUARDED ? within(this.limit, () => fn(call)) : fn(call);
    } catch (error) {
      if (error instanceof Blocked) throw new CallFailed(call, error.message);
      return failed('threw')(error);
    }
    return isThenable(result) ? result.then(nothing, failed('rejected')) : null;
  }
}

function nothing() {}

function isThenable(value) {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && typeof value.then === 'function';
}

function inWords(error) {
  try {
    return error instanceof Error || (error && error.message) ? `${error.name || 'Error'}: ${error.message}` : String(error);
  } catch {
    return 'something that cannot be shown';
  }
}

module.exports = { Calls, CallFailed, isThenable, inWords };
