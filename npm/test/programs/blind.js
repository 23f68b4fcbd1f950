'use strict';
// A Node.js without an inspector and without v8.queryObjects, as 16 and 18 are where they were built so: what needs no counting is judged still.
const Module = require('module');
const load = Module._load;
Module._load = (name, ...rest) => {
  if (name === 'inspector') throw Object.assign(new Error('Inspector is not available'), { code: 'ERR_INSPECTOR_NOT_AVAILABLE' });
  return load(name, ...rest);
};
Object.defineProperty(require('v8'), 'queryObjects', { value: undefined });
const { measureGrowth } = require('../..');

const kept = [];
measureGrowth(() => {}, { explain: 'never' }).then(async ({ verdict, why }) => {
  const { verdict: leak } = await measureGrowth((call) => void kept.push(`${call}`.repeat(100).split('')), { explain: 'never' });
  process.stdout.write(JSON.stringify({ verdict, why, leak }));
});
