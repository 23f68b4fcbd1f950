'use strict';
// A function that replaces what the package needs, after it was loaded: it must be judged all the same.
const { measureGrowth } = require('../..');

const real = globalThis.setImmediate;
let patched = false;

function patch() {
  patched = true;
  const never = () => 0;
  for (const name of ['setTimeout', 'setImmediate', 'setInterval', 'clearTimeout', 'clearInterval', 'queueMicrotask']) globalThis[name] = never;
  process.cpuUsage = process.memoryUsage = () => ({});
  process.hrtime.bigint = () => 0n;
  Date.now = () => 0;
  require('v8').queryObjects = () => 0;
  require('v8').getHeapStatistics = () => ({});
}

const kept = [];
const told = [];
measureGrowth(() => patched || patch(), { explain: 'never' })
  .then(({ verdict }) => told.push(verdict))
  .then(() => measureGrowth(() => void kept.push({}), { explain: 'never' }))
  .then(({ verdict }) => {
    globalThis.setImmediate = real;
    process.stdout.write(JSON.stringify([...told, verdict]));
  });
