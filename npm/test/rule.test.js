'use strict';
// The rule against its vectors: models with the right verdict, and histories that were recorded.

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const test = require('node:test');
const { next } = require('../lib/rule.js');
const { simulate } = require('./simulate.js');

function vectors(name) {
  const all = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'vectors', name), 'utf8'));
  assert.ok(all.length > 0, `no vectors in ${name}`);
  return all;
}

for (const model of vectors('verdicts.json')) {
  test(`verdict: ${model.name}`, () => {
    const { verdict } = simulate(model);
    assert.strictEqual(verdict.verdict, model.expect, JSON.stringify(verdict));
    if (model.by) assert.deepStrictEqual(verdict.grew.map(({ signal }) => signal).sort(), [...model.by].sort());
  });
}

for (const { name, settings, history, steps } of vectors('steps.json')) {
  test(`steps: ${name}`, () => {
    steps.forEach((step, length) => {
      const { step: what, kind = null, calls = null, ms = null, collect = null, verdict = null } = next(history.slice(0, length), settings);
      assert.deepStrictEqual({ step: what, kind, calls: what === 'verdict' ? null : calls, ms, collect, verdict }, step, `after ${length} steps`);
    });
  });
}
