'use strict';
/**
 * Heap snapshots of this process, for its owner alone, and gone afterwards unless somebody asked to keep them.
 *
 * A heap holds secrets: the folder has the mode 0700, the files 0600. It does not read what it writes.
 */

const fs = require('fs');
const os = require('os');
const path = require('path');
const v8 = require('v8');
const saved = require('./saved.js');

/** V8 needs a multiple of the heap for a snapshot: of a larger one none is taken. */
const MOST_HEAP = 1e9;

/** The snapshots of one check. */
class Snapshots {
  #folder = null;
  #kept;
  #files = [];
  #onExit = () => this.#remove();

  /** `keep`: a folder in which they stay; null for none. */
  constructor(keep) {
    this.#kept = keep;
  }

  get files() {
    return this.#files;
  }

  /** Those that stay; null where none do. */
  get kept() {
    return this.#kept && this.#files.length > 0 ? this.#files : null;
  }

  /** Writes one. Throws where that is not possible. */
  take() {
    const { used_heap_size: used } = saved.heapStatistics();
    if (used > MOST_HEAP) throw new Error(`the heap has ${Math.round(used / 1e6)} MB, too much for a snapshot`);
    if (!this.#folder) this.#open();
    const file = path.join(this.#folder, `heapwhy-${saved.mainProcess.pid}-${Date.now()}-${this.#files.length + 1}.heapsnapshot`);
    this.#files.push(v8.writeHeapSnapshot(file));
    fs.chmodSync(file, 0o600);
  }

  #open() {
    if (this.#kept) {
      this.#folder = path.resolve(this.#kept);
      fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      return;
    }
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwhy-'));
    // Where the process ends before `close`.
    saved.mainProcess.on('exit', this.#onExit);
  }

  /** Removes what is not to be kept. */
  close() {
    saved.mainProcess.removeListener('exit', this.#onExit);
    this.#remove();
  }

  #remove() {
    if (this.#folder && !this.#kept) fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

module.exports = { Snapshots };
