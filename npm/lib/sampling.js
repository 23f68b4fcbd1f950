'use strict';
/**
 * One sample of the heap: all garbage collected, objects counted, sizes read.
 *
 * It knows how each signal is read on each version, and lets no object of its own live from one sample to the next that was not there at the
 * first. It judges nothing.
 */

const saved = require('./saved.js');
const { collect } = require('./collecting.js');
const { Counter } = require('./counting.js');
const { SIGNALS } = require('./rule.js');
const { realmsOf } = require('./realms.js');

const MOST_STEPS = 48;

/** Samples of one check. Closed afterwards. */
class Sampler {
  #counter;
  #objects;
  #values = new Float64Array(MOST_STEPS * SIGNALS.length);
  #count = 0;

  /** `counter` counts in the contexts that matter; `objects` says how many there are. */
  constructor(counter, objects) {
    this.#counter = counter;
    this.#objects = objects;
    this.#values.fill(NaN);
  }

  /** Counts all objects of the contexts that matter to a function. */
  static of(fn) {
    const counter = new Counter(realmsOf(fn));
    return new Sampler(counter, () => counter.countAll());
  }

  get lacking() {
    return this.#counter.lacking;
  }

  get how() {
    return this.#counter.how;
  }

  close() {
    this.#counter.close();
  }

  /** Lets what is under way end, collects all garbage, and notes a sample. Returns its number. */
  async take() {
    await saved.turn();
    await saved.wait(2);
    await saved.turn();
    clearTimings();
    this.#counter.forgetConsole();
    const objects = this.#counter.lacking ? collectedOnly() : this.#objects();
    await this.#counter.tidy();
    this.#note(objects);
    return this.#count++;
  }

  #note(objects) {
    const memory = saved.memoryUsage();
    const heap = saved.heapStatistics();
    const at = this.#count * SIGNALS.length;
    this.#values[at] = objects;
    this.#values[at + 1] = heap.used_heap_size;
    this.#values[at + 2] = memory.external;
    this.#values[at + 3] = heap.used_global_handles_size;
    this.#values[at + 4] = heap.number_of_native_contexts;
    this.#values[at + 5] = handles();
    // In a worker the memory of the process says nothing of this thread.
    this.#values[at + 6] = saved.isMainThread ? memory.rss - memory.heapTotal - memory.external : NaN;
  }

  /** A sample as the rule takes it: numbers by name, null for what is not known. */
  read(index) {
    const value = (offset) => this.#values[index * SIGNALS.length + offset];
    return Object.fromEntries(SIGNALS.map(({ name }, offset) => [name, Number.isNaN(value(offset)) ? null : value(offset)]));
  }
}

function collectedOnly() {
  collect();
  return NaN;
}

/** Node keeps up to 250 timings of fetches, three objects each, until it drops further ones: that looks like a leak until then. */
function clearTimings() {
  const { performance } = require('perf_hooks');
  if (performance && performance.clearResourceTimings) performance.clearResourceTimings();
}

/** How many handles are open; NaN where Node does not say. */
function handles() {
  const { mainProcess } = saved;
  return mainProcess._getActiveHandles ? mainProcess._getActiveHandles().length : NaN;
}

module.exports = { Sampler };
