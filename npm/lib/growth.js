'use strict';
/**
 * Whether a function leaks: makes the steps that the rule asks for, until it has a verdict.
 *
 * It decides nothing itself (`rule.js`), and words nothing (`wording.js`).
 */

const saved = require('./saved.js');
const options_ = require('./options.js');
const rule = require('./rule.js');
const wording = require('./wording.js');
const { Calls, CallFailed } = require('./calling.js');
const { CannotTellError, LeakError } = require('./errors.js');
const { Reason } = require('./reason.js');
const { Sampler } = require('./sampling.js');
const { alone } = require('./turns.js');
const { guardExit } = require('./leaving.js');

/** Judges a function. Resolves to a result with its `verdict`, and rejects only where it was called wrongly. */
async function measureGrowth(fn, given) {
  if (typeof fn !== 'function') throw new TypeError('heapwhy: what is to be called is no function');
  const options = options_.read(given);
  options.memory = Math.min(options.memory, room());
  return alone(() => measured(fn, options, Sampler.of(fn)));
}

/** Resolves where a function does not leak; rejects with `LeakError` or `CannotTellError`. */
async function expectNoGrowth(fn, given) {
  // Loaded here: a check of the check is a check.
  if (given && given.selfCheck) await require('./self-check.js').selfCheck(fn, given);
  const result = await measureGrowth(fn, given);
  if (result.verdict === 'leak') throw new LeakError(wording.leak(result), result);
  if (result.verdict !== 'no leak') throw new CannotTellError(wording.cannotTell(result), result, result.cause);
  return result;
}

/** Judges a function by samples. */
async function measured(fn, options, sampler) {
  const began = { cpu: saved.cpu(), wall: saved.clock() };
  const calls = new Calls(fn, options.callTimeout);
  const guard = guardExit(calls);
  const reason = new Reason(options);
  try {
    const { verdict, steps } = await steppedThrough(calls, sampler, reason, options);
    const result = { ...verdict, counted: sampler.how, steps };
    if (sampler.lacking) result.lacking = sampler.lacking;
    // The session goes first: what an inspector keeps must not be in the snapshots.
    sampler.close();
    if (verdict.verdict === 'leak') result.reason = await reason.find(calls, steps);
    return Object.assign(result, spent(began));
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    return failed(error, calls, began);
  } finally {
    guard.lift();
    reason.close();
    sampler.close();
  }
}

/** How much more V8 may hold before its limit is near. */
function room() {
  const { heap_size_limit: limit, used_heap_size: used } = saved.heapStatistics();
  return Math.max(0, limit - used) * 0.4;
}

function spent(began) {
  return { cpu: saved.cpu() - began.cpu, wall: saved.clock() - began.wall };
}

/** A function that fails was not judged. */
function failed(error, calls, began) {
  const result = { verdict: 'cannot tell', why: error.message, calls: calls.made, grew: [], sees: {}, steps: [], ...spent(began) };
  return error.cause === undefined ? result : { ...result, cause: error.cause };
}

/**
 * Makes steps until there is a verdict. What it notes of each are numbers in arrays that are there from the beginning: an object
 * a step would be growth.
 */
async function steppedThrough(calls, sampler, reason, options) {
  const log = new Log(sampler);
  for (;;) {
    const step = rule.next(log.history(), options);
    if (step.step === 'verdict') return { verdict: step, steps: log.history() };
    if (step.kind === 'E4') reason.first(calls);
    await (step.step === 'run' ? made(step, calls, sampler, log) : waited(step, sampler, log));
  }
}

async function made(step, calls, sampler, log) {
  const before = { cpu: saved.cpu(), wall: saved.clock(), rss: saved.memoryUsage().rss };
  await calls.run(step.calls, step.collect);
  const { cpu, wall } = spent(before);
  const bytes = step.sample ? 0 : Math.max(0, saved.memoryUsage().rss - before.rss);
  const sample = step.sample ? await sampler.take() : -1;
  log.note(step.kind, { calls: step.calls, cpu, wall, bytes, sample, sampling: saved.cpu() - before.cpu - cpu });
}

async function waited(step, sampler, log) {
  await saved.wait(step.ms);
  const before = saved.cpu();
  const sample = await sampler.take();
  log.note(step.kind, { calls: 0, cpu: 0, wall: step.ms, bytes: 0, sample, sampling: saved.cpu() - before });
}

const KINDS = ['warm-up', 'base', 'screen', 'long', 'E1', 'E2', 'E3', 'look', 'E4', 'last look'];
const FIELDS = ['kind', 'calls', 'cpu', 'wall', 'bytes', 'sampling', 'sample'];
const MOST_STEPS = 48;

/** The steps that were made. */
class Log {
  #rows = new Float64Array(MOST_STEPS * FIELDS.length);
  #length = 0;
  #sampler;

  constructor(sampler) {
    this.#sampler = sampler;
  }

  note(kind, numbers) {
    const row = { ...numbers, kind: KINDS.indexOf(kind) };
    FIELDS.forEach((field, offset) => (this.#rows[this.#length * FIELDS.length + offset] = row[field]));
    this.#length++;
  }

  /** The steps as the rule takes them. */
  history() {
    return Array.from({ length: this.#length }, (_, index) => {
      const at = (field) => this.#rows[index * FIELDS.length + FIELDS.indexOf(field)];
      const sample = at('sample') < 0 ? null : this.#sampler.read(at('sample'));
      return { kind: KINDS[at('kind')], calls: at('calls'), cpu: at('cpu'), wall: at('wall'), bytes: at('bytes'), sampling: at('sampling'), sample };
    });
  }
}

module.exports = { expectNoGrowth, measureGrowth, measured };
