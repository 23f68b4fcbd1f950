'use strict';
/**
 * Counts live objects by prototype, in every context that matters.
 *
 * `v8.queryObjects` (Node 20 and later) sees only objects of Node's own context: inside Jest and Vitest's vmForks it finds none, however many
 * there are. Others, and all on Node 16 and 18, are counted through the inspector.
 */

const saved = require('./saved.js');
const inspecting = require('./inspecting.js');

/** Counts in the contexts of some global objects, until it is closed. */
class Counter {
  #native = typeof saved.queryObjects === 'function';
  #session = null;
  #contexts = [];
  /** Why objects cannot be counted; null where they can. */
  lacking = null;

  constructor(globals) {
    const asked = this.#native ? globals.filter((global) => global !== saved.mainGlobal) : globals;
    this.#inMain = this.#native && asked.length < globals.length;
    if (asked.length === 0 && !inspecting.isOpenElsewhere()) return;
    try {
      this.#session = inspecting.open();
      this.#contexts = asked.map((global) => ({ global, contextId: inspecting.contextOf(this.#session, global) }));
    } catch (error) {
      this.close();
      if (!(error instanceof inspecting.NoInspector)) throw error;
      // Nothing was asked of it: whoever has the inspector open may keep what the console prints.
      if (asked.length > 0) this.lacking = `objects cannot be counted: ${error.message}`;
    }
  }

  #inMain;

  /** How objects are counted, in words. */
  get how() {
    if (this.lacking) return 'not at all';
    return [this.#inMain ? 'v8.queryObjects' : null, this.#contexts.length > 0 ? 'inspector' : null].filter(Boolean).join(' and ');
  }

  /** How many live objects have the prototype that `prototypeIn` gives for a context's global object. All garbage is collected before. */
  count(prototypeIn) {
    let objects = 0;
    for (const context of this.#contexts) objects += inspecting.query(this.#session, context, prototypeIn(context.global));
    // Last: it collects what counting through the inspector has left.
    if (this.#inMain) objects += this.#countInMain(prototypeIn(saved.mainGlobal));
    return objects;
  }

  #countInMain(prototype) {
    return saved.quietly(() => saved.queryObjects(constructorOf(prototype)));
  }

  /** How many objects of all there are, garbage collected before. */
  countAll() {
    return this.count(objectPrototype);
  }

  /** Texts of those objects. */
  summaries(prototype) {
    const asked = this.#contexts.flatMap((context) => inspecting.query(this.#session, context, prototype, inspecting.SUMMARY));
    const main = this.#inMain ? saved.quietly(() => saved.queryObjects(constructorOf(prototype), { format: 'summary' })) : [];
    return [...main, ...asked];
  }

  /** Collects what the inspector's own answers have left behind. */
  async tidy() {
    if (!this.#session || this.#inMain) return;
    inspecting.discardConsole(this.#session);
    await inspecting.collect(this.#session);
  }

  /** Forgets what the console keeps of logged objects while an inspector is open. */
  forgetConsole() {
    if (this.#session) inspecting.discardConsole(this.#session);
  }

  close() {
    if (this.#session) this.#session.disconnect();
    this.#session = null;
  }
}

function objectPrototype(global) {
  return global.Object.prototype;
}

/** `v8.queryObjects` takes a constructor and looks at its `prototype`: one object for all, for each would be an object more. */
const stand = function () {};

function constructorOf(prototype) {
  stand.prototype = prototype;
  return stand;
}

module.exports = { Counter };
