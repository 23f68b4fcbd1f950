'use strict';
/** The options of a check, read and refused where they make no sense. A misspelt option must not make a weaker test. */

const { DEFAULTS, SIGNALS } = require('./rule.js');

const EXPLAIN = ['auto', 'never', 'snapshots'];

/** What may be said, and its default. Times are ms or texts like `'5s'`. */
const OPTIONS = {
  budget: DEFAULTS.budget,
  timeout: DEFAULTS.timeout,
  callTimeout: 10000,
  maxRetained: DEFAULTS.maxRetained,
  signals: null,
  memory: DEFAULTS.memory,
  explain: 'auto',
  keepSnapshots: null,
  selfCheck: false,
};

/** Checks options and fills in what was not said. */
function read(given = {}) {
  const unknown = Object.keys(given).filter((name) => !(name in OPTIONS));
  if (unknown.length > 0) throw new TypeError(`heapwhy: unknown option ${unknown.join(', ')}; known are ${Object.keys(OPTIONS).join(', ')}`);
  const options = { ...OPTIONS, ...given };
  for (const name of ['budget', 'timeout', 'callTimeout']) options[name] = time(name, options[name]);
  for (const name of ['maxRetained', 'memory']) number(name, options[name]);
  if (!EXPLAIN.includes(options.explain)) refuse('explain', options.explain, EXPLAIN.map((word) => `'${word}'`).join(', '));
  if (options.signals !== null) signals(options.signals);
  return options;
}

function time(name, value) {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(value) || [];
  const ms = digits ? Number(digits) * { ms: 1, s: 1000, m: 60000 }[unit] : value;
  if (typeof ms !== 'number' || !(ms > 0)) refuse(name, value, "milliseconds, or a text like '5s'");
  return ms;
}

function number(name, value) {
  if (typeof value !== 'number' || !(value >= 0)) refuse(name, value, 'a number, not negative');
}

function signals(given) {
  const known = SIGNALS.map((signal) => signal.name);
  const wrong = Array.isArray(given) && given.length > 0 ? given.filter((name) => !known.includes(name)) : [given];
  if (wrong.length > 0) refuse('signals', wrong.join(', '), known.join(', '));
}

function refuse(name, value, expected) {
  throw new TypeError(`heapwhy: option ${name}: ${String(value)} is not ${expected}`);
}

module.exports = { read };
