'use strict';
/**
 * What this package needs of Node.js, kept when it is loaded: tests replace timers, clocks and `process`, and inside Jest and Vitest's
 * vmForks this file runs in a context whose globals are not Node's own.
 *
 * It knows nothing of leaks.
 */

const timers = require('timers');
const v8 = require('v8');
const vm = require('vm');
const worker = require('worker_threads');

/** The global object and process of Node's own context, also where this runs in another one. */
const mainGlobal = vm.runInThisContext('globalThis');
const mainProcess = vm.runInThisContext('process');

const { setImmediate, setTimeout, clearTimeout, setInterval, clearInterval } = timers;
const { cpuUsage, memoryUsage, emitWarning } = mainProcess;
const now = mainProcess.hrtime.bigint.bind(mainProcess.hrtime);

/** Milliseconds of a clock that tests cannot set. */
function clock() {
  return Number(now()) / 1e6;
}

/** Milliseconds of processor time that the process has used, all threads. */
function cpu() {
  const { user, system } = cpuUsage.call(mainProcess);
  return (user + system) / 1000;
}

/** Gives the event loop one turn. */
function turn() {
  return new Promise((done) => setImmediate(done));
}

/** Gives it some milliseconds. */
function wait(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/** Runs what would warn of being experimental, without the warning: `v8.queryObjects` warns once (Node 20 and 22). */
function quietly(work) {
  mainProcess.emitWarning = () => {};
  try {
    return work();
  } finally {
    mainProcess.emitWarning = emitWarning;
  }
}

/** A module of Node's, or null where this Node.js was built or started without it. */
function optional(name) {
  try {
    return require(name);
  } catch {
    return null;
  }
}

module.exports = {
  mainGlobal,
  mainProcess,
  isMainThread: worker.isMainThread,
  memoryUsage: memoryUsage.bind(mainProcess),
  heapStatistics: v8.getHeapStatistics,
  queryObjects: v8.queryObjects,
  setInterval,
  clearInterval,
  setTimeout,
  clearTimeout,
  clock,
  cpu,
  turn,
  wait,
  quietly,
  optional,
};
