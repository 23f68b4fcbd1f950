'use strict';
/**
 * Whether what a factory makes can be collected.
 *
 * Judged by the same rule as growth, over one number: how many of all objects that were made are still there. One that is collected proves
 * nothing, nor does one that is not: a cache keeps a hundred, and a leak may be one in ten.
 */

const saved = require('./saved.js');
const growth = require('./growth.js');
const options_ = require('./options.js');
const wording = require('./wording.js');
const { CannotTellError, LeakError } = require('./errors.js');
const { Counter } = require('./counting.js');
const { Sampler } = require('./sampling.js');
const { alone } = require('./turns.js');
const { isThenable } = require('./calling.js');
const { counterOf } = require('./query.js');

/** Resolves where objects of `factory` are collected. `Class`, if given, says which are counted; else those that it returns. */
async function expectCollectable(factory, Class, given) {
  const [constructor, asked] = typeof Class === 'function' ? [Class, given] : [null, given || Class];
  if (typeof factory !== 'function') throw new TypeError('heapwhy: the factory is no function');
  const options = { ...options_.read(asked || {}), signals: ['objects'] };
  const result = await alone(() => (constructor ? byClass(factory, constructor, options) : byReference(factory, options)));
  if (result.verdict === 'leak') throw new LeakError(wording.notCollectable(result, constructor && constructor.name), result);
  if (result.verdict !== 'no leak') throw new CannotTellError(wording.cannotTell(result), result, result.cause);
  return result;
}

function byClass(factory, constructor, options) {
  const counter = counterOf(constructor);
  const prototype = () => constructor.prototype;
  return growth.measured(factory, options, new Sampler(counter, () => counter.count(prototype)));
}

/** Weak references to all that was made. */
async function byReference(factory, options) {
  const references = [];
  const note = (made) => {
    if (!isObject(made)) throw new TypeError('the factory returned no object, and no class was given');
    references.push(new WeakRef(made));
  };
  const noting = (call) => {
    const made = factory(call);
    return isThenable(made) ? made.then(note) : note(made);
  };
  const counter = new Counter([saved.mainGlobal]);
  return growth.measured(noting, options, new Sampler(counter, () => alive(references, counter)));
}

function isObject(value) {
  return value !== null && (typeof value === 'object' || typeof value === 'function');
}

/** How many are still there, all garbage collected. Looking at one would keep it until the turn ends, so this is looked at last. */
function alive(references, counter) {
  counter.countAll();
  return references.reduce((all, reference) => all + (reference.deref() === undefined ? 0 : 1), 0);
}

module.exports = { expectCollectable };
