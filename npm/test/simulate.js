'use strict';
// Plays a model of a function against the rule, without a heap: see `vectors/README.md` for what a model says.

const { next, SIGNALS } = require('../lib/rule.js');

const START = { objects: 8000, heap: 4500000, external: 470000, globalHandles: 7000, contexts: 1, handles: 2, native: 37000000 };

/** What a signal shows after so many calls and so long a wait since. */
function shown(model, { calls, samples, waited, longest }) {
  if (model.highest) return model.perCall * longest;
  const counted = Math.min(calls, model.until === undefined ? Infinity : model.until);
  let grown = model.perCall * Math.floor(counted / (model.every || 1));
  if (model.room && grown > 0) grown = model.perCall * room(counted, model.room);
  if (model.releasedAfter !== undefined && waited >= model.releasedAfter) grown = 0;
  return grown + ((model.noise || [])[samples] || 0);
}

/** The room of a container that grows by a factor when it is full. */
function room(length, factor) {
  let capacity = 16;
  while (capacity < length) capacity = Math.floor(capacity * factor);
  return capacity;
}

function sampled(models, state) {
  const value = (name) => {
    if (models[name] === null) return null;
    return START[name] + (models[name] ? shown(models[name], state) : 0);
  };
  return Object.fromEntries(SIGNALS.map(({ name }) => [name, value(name)]));
}

/** Plays until there is a verdict. Returns `{verdict, history}`. */
function simulate({ signals = {}, call = {}, settings = {} }) {
  const { cpu = 0.01, wall = 0.01, sampling = 50, slower = 0 } = call;
  const history = [];
  const state = { calls: 0, samples: 0, waited: 0, longest: 0 };
  while (history.length < 48) {
    const step = next(history, settings);
    if (step.step === 'verdict') return { verdict: step, history };
    const calls = step.step === 'run' ? step.calls : 0;
    const price = 1 + slower * state.calls;
    state.calls += calls;
    state.longest = Math.max(state.longest, step.collect > 0 ? Math.min(calls, step.collect) : calls);
    state.waited = step.step === 'wait' ? state.waited + step.ms : 0;
    const sample = step.step === 'wait' || step.sample ? sampled(signals, state) : null;
    if (sample) state.samples++;
    history.push({
      kind: step.kind,
      calls,
      cpu: calls * cpu * price,
      wall: step.step === 'wait' ? step.ms : calls * wall * price,
      bytes: 0,
      sampling: sample ? sampling : 0,
      sample,
    });
  }
  throw new Error('the rule does not come to an end');
}

module.exports = { simulate };
