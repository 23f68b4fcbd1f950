'use strict';
/** Whether one object is collected. It needs nobody's help but that the caller lets go of it. */

const saved = require('./saved.js');
const binary = require('./binary.js');
const inspecting = require('./inspecting.js');
const { alone } = require('./turns.js');
const { collect } = require('./collecting.js');
const { LeakError } = require('./errors.js');
const { Snapshots } = require('./snapshots.js');
const { plain } = require('./numbers.js');

/** Waits between collections, ms: finalizers and what the event loop still holds may take a while. */
const WAITS = [0, 30, 300, 1000];

/**
 * Resolves when the object is collected, rejects with `LeakError` where it is not. The caller must not hold it: `const done =
 * expectCollected(object); object = null; await done`. A `WeakRef` may be given too. Not async: its arguments would be kept.
 */
function expectCollected(object, { explain = 'auto', keepSnapshots = null } = {}) {
  const reference = isWeakRef(object) ? object : new WeakRef(object);
  object = null;
  return alone(() => watched(reference, explain, keepSnapshots));
}

function isWeakRef(value) {
  return Object.prototype.toString.call(value) === '[object WeakRef]';
}

async function watched(reference, explain, keepSnapshots) {
  for (const ms of WAITS) {
    await saved.wait(ms);
    await saved.turn();
    collect();
    await saved.turn();
    if (isGone(reference)) return;
    // Whoever looks at a weak reference keeps its object until the turn ends.
    await saved.turn();
  }
  const why = explain === 'never' ? [] : await path(reference, keepSnapshots);
  throw new LeakError(['leak: the object is not collected', ...why].join('\n'), { verdict: 'leak' });
}

function isGone(reference) {
  return reference.deref() === undefined;
}

/** The retaining path, from the program `heapwhy`. */
async function path(reference, keepSnapshots) {
  const program = binary.find();
  if (!program.path) return [`why: ${program.lacking}`];
  const snapshots = new Snapshots(keepSnapshots);
  try {
    snapshots.take();
    const told = await ask(program.path, ['why', snapshots.files[0], identity(reference), '--no-index', '--color', 'never', '--no-progress']);
    const kept = snapshots.kept ? [`snapshots: ${snapshots.kept.join(' ')}`] : [];
    return [...story(told), ...kept];
  } catch (error) {
    return [`why: not explained: ${error.message}`];
  } finally {
    snapshots.close();
  }
}

/** The id that the object has in snapshots. */
function identity(reference) {
  const session = inspecting.open();
  try {
    return inspecting.idOf(session, reference.deref());
  } finally {
    session.disconnect();
  }
}

/** What the program says, without its heading and what to type next. */
function story(text) {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => line.startsWith('next '));
  return lines.slice(1, end < 0 ? undefined : end).filter((line) => line.trim() !== '').map(plain);
}

async function ask(program, parameters) {
  const told = await binary.run(program, parameters);
  if (told.error) throw binary.failed(told);
  return told.stdout;
}

module.exports = { expectCollected };
