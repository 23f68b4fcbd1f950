'use strict';
/** Registers a leak test with the test runner that is there. It knows how each takes a test and its time limit, and nothing of leaks. */

const { createRequire } = require('module');
const path = require('path');
const saved = require('./saved.js');
const { expectNoGrowth } = require('./growth.js');
const options_ = require('./options.js');

/** What a runner's limit is longer than ours: the verdict comes from us, not from its timeout. */
const SLACK = 60000;

/** Registers a test that passes where `fn` does not leak. `options.test` is a runner's `test`, for runners that are not known. */
function leakTest(name, fn, options = {}) {
  const { test, ...checked } = options;
  const limit = options_.read(checked).timeout + SLACK;
  const body = async () => {
    await expectNoGrowth(fn, checked);
  };
  return test ? test(name, body) : registered(name, body, limit);
}

function registered(name, body, limit) {
  const { vitest, jest, mocha } = globals();
  if (vitest || jest) return (vitest || jest)(name, body, limit);
  if (mocha) {
    return mocha(name, function () {
      this.timeout(limit);
      return body();
    });
  }
  const tap = ofTap();
  if (tap) return tap.test(name, { timeout: limit }, body);
  const node = saved.optional('node:test');
  if (!node) throw new Error('heapwhy: no test runner was found; give one: leakTest(name, fn, { test })');
  return node.test(name, { timeout: limit }, body);
}

/** Functions that runners leave on the global object, or that `index.mjs` has imported. */
function globals() {
  const { it, test, describe } = globalThis;
  const env = saved.mainProcess.env;
  if (env.VITEST) return { vitest: given.vitest || test || it || needed('vitest') };
  if (env.JEST_WORKER_ID && typeof test === 'function') return { jest: test };
  // Mocha's `it` says of the suite it is in; other runners' do not take `this`.
  if (typeof it === 'function' && typeof describe === 'function') return typeof test === 'function' ? { jest: test } : { mocha: it };
  return {};
}

/** What `index.mjs` has imported for us. */
const given = { vitest: null };

function needed(runner) {
  throw new Error(`heapwhy: give ${runner}'s test: leakTest(name, fn, { test }), or import heapwhy instead of requiring it`);
}

/** tap, where it runs the program: it says so in the environment. */
function ofTap() {
  if (saved.mainProcess.env.TAP !== '1' || !saved.mainProcess.argv[1]) return null;
  try {
    return createRequire(path.resolve(saved.mainProcess.argv[1]))('tap');
  } catch {
    return null;
  }
}

module.exports = { leakTest, given };
