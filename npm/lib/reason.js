'use strict';
/**
 * Why memory is held: two snapshots with calls between them, which the program `heapwhy` compares.
 *
 * It is asked only where a leak is as good as sure. Nothing is read in this process: the heap under test stays small.
 */

const binary = require('./binary.js');
const story = require('./story.js');
const { Snapshots } = require('./snapshots.js');

/** Calls between the snapshots where the rule has made none: as many as show, and as take so long (ms of processor time). */
const CALLS = { least: 4, most: 1024, cpu: 300 };

/** The reason of one check, in the making. */
class Reason {
  #snapshots;
  #program;
  #wanted;
  #lacking = null;
  #callsAtFirst = null;

  constructor({ explain, keepSnapshots }) {
    this.#program = binary.find();
    this.#snapshots = new Snapshots(keepSnapshots);
    // Snapshots take longer than all the rest: none are taken for nobody.
    this.#wanted = explain !== 'never' && (Boolean(this.#program.path) || Boolean(keepSnapshots));
    this.explain = explain;
  }

  /** Takes the first snapshot: a leak is indicated, and further calls will be made to be sure. */
  first(calls) {
    if (!this.#wanted || this.#callsAtFirst !== null) return;
    this.#callsAtFirst = calls.made;
    this.#take();
  }

  /** The reason: `{lines, findings, calls}` or `{lacking}`; null where nobody wants it. `steps` are what the rule has seen. */
  async find(calls, steps) {
    if (this.explain === 'never') return null;
    if (!this.#wanted) return { lacking: this.#program.lacking };
    if (this.#callsAtFirst === null) {
      this.first(calls);
      await calls.run(enough(steps));
    }
    this.#take();
    if (this.#lacking) return this.#told({ lacking: this.#lacking });
    if (this.explain === 'snapshots' || !this.#program.path) return this.#told({ lacking: this.#program.lacking || 'not asked for' });
    return this.#told(await this.#compared(calls.made - this.#callsAtFirst));
  }

  async #compared(calls) {
    try {
      return story.of(await compare(this.#program.path, this.#snapshots.files), calls);
    } catch (error) {
      return { lacking: `${this.#program.path} did not explain it: ${error.message}` };
    }
  }

  #told(reason) {
    return this.#snapshots.kept ? { ...reason, snapshots: this.#snapshots.kept } : reason;
  }

  #take() {
    try {
      if (!this.#lacking) this.#snapshots.take();
    } catch (error) {
      this.#lacking = `no heap snapshot could be written: ${error.message}`;
    }
  }

  close() {
    this.#snapshots.close();
  }
}

/** How many calls show: half as many as were made, as far as their price allows. */
function enough(steps) {
  const made = steps.reduce((all, step) => all + step.calls, 0);
  const cpu = steps.reduce((all, step) => all + step.cpu, 0);
  const fitting = cpu > 0 ? Math.floor((CALLS.cpu * made) / cpu) : CALLS.most;
  return Math.max(CALLS.least, Math.min(fitting, Math.ceil(made / 2), CALLS.most));
}

/** Asks the program to compare, and reads its answer. */
async function compare(program, files) {
  const told = await binary.run(program, [...files, '--json', '--no-index', '--no-progress']);
  const report = parsed(told.stdout);
  if (report && report.findings) return report;
  throw binary.failed(told);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

module.exports = { Reason };
