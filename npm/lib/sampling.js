'use strict';
/**
 * One sample of the heap: all garbage collected, objects counted, sizes read.
 *
 * It knows how each signal is read on each version, and lets no object of its own live from one sample to the next that was not there at the
 * first. It judges nothing.
 */

const saved = require('./saved.js');
const inspecting = require('./inspecting.js');
const { SIGNALS } = require('./rule.js');
const { realmsOf } = require('./realms.js');

const MOST_STEPS = 32;

/** Samples of one check. Open before, close afterwards. */
class Sampler {
  /** Finds out how objects can be counted for `fn`. */
  static async open(fn) {
    const realms = realmsOf(fn);
    const native = typeof saved.queryObjects === 'function';
    const needsSession = !native || realms.length > 1 || inspecting.isOpenElsewhere();
    const sampler = new Sampler(native);
    if (!needsSession) return sampler;
    try {
      await sampler.#ask(native ? realms.slice(1) : realms);
    } catch (error) {
      sampler.close();
      if (!(error instanceof inspecting.NoInspector)) throw error;
      // The objects of the context that the test runs in cannot be counted: to say nothing of them is not to say that none leak.
      sampler.lacking = `objects cannot be counted: ${error.message}`;
      sampler.blind = !native || realms.length > 1;
    }
    return sampler;
  }

  #native;
  #session = null;
  #contexts = [];
  #values = new Float64Array(MOST_STEPS * SIGNALS.length);
  #count = 0;
  /** Why objects cannot be counted; null where they can. */
  lacking = null;
  blind = false;

  constructor(native) {
    this.#native = native;
    this.#values.fill(NaN);
  }

  async #ask(realms) {
    this.#session = inspecting.open();
    for (const realm of realms) {
      const context = await inspecting.contextOf(this.#session, realm);
      if (context === null) throw new inspecting.NoInspector('the inspector does not know the context of the function');
      this.#contexts.push(context);
    }
  }

  close() {
    if (this.#session) this.#session.disconnect();
    this.#session = null;
  }

  /** How objects are counted, in words. */
  get how() {
    if (this.blind) return 'not at all';
    const others = this.#contexts.length > 0 ? 'inspector' : null;
    return [this.#native ? 'v8.queryObjects' : null, others].filter(Boolean).join(' and ');
  }

  /** Lets what is under way end, collects all garbage, and notes a sample. Returns its number. */
  async take() {
    await this.#settle();
    const objects = await this.#objects();
    if (this.#session) await inspecting.ask(this.#session, 'HeapProfiler.collectGarbage');
    this.#note(objects);
    return this.#count++;
  }

  async #settle() {
    await saved.turn();
    await saved.wait(2);
    await saved.turn();
    clearTimings();
    if (this.#session) await inspecting.discardConsole(this.#session);
  }

  async #objects() {
    if (this.blind) {
      require('./collecting.js').collect();
      return NaN;
    }
    let objects = 0;
    for (const context of this.#contexts) objects += await inspecting.count(this.#session, context, 'Object.prototype');
    // Last: it collects what counting in other contexts has left.
    if (this.#native) objects += saved.quietly(() => saved.queryObjects(saved.mainGlobal.Object));
    return objects;
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
