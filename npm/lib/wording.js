'use strict';
/** What people read: one sentence first, then the evidence. It knows results, and measures nothing. */

const { count, size } = require('./numbers.js');

const UNITS = {
  objects: 'objects',
  heap: 'of heap',
  external: 'outside the heap',
  globalHandles: 'of global handles',
  contexts: 'contexts',
  handles: 'open handles',
  native: 'of memory besides V8 and its buffers',
};

function amount(signal, value) {
  if (signal.unit === 'bytes') return `${size(value)} ${UNITS[signal.signal]}`;
  return count(value) === '1' ? `1 ${UNITS[signal.signal].replace(/s$/, '')}` : `${count(value)} ${UNITS[signal.signal]}`;
}

/** The message of a `LeakError`. */
function leak(result) {
  const [first, ...others] = result.grew;
  const lines = [`leak: every call leaves ${amount(first, first.perCall)} behind (${count(result.calls)} calls)`];
  for (const signal of [first, ...others]) lines.push(`  ${series(signal)}`);
  return [...lines, ...reasonLines(result.reason)].join('\n');
}

/** The message of a `LeakError` about a factory. */
function notCollectable(result, name) {
  const [signal] = result.grew;
  const what = name ? `objects of ${name}` : 'objects that the factory returned';
  const lines = [`leak: ${what} are not collected: ${count(signal.perCall)} stay of every call (${count(result.calls)} calls)`];
  lines.push(`  ${series(signal)}`);
  return [...lines, ...reasonLines(result.reason)].join('\n');
}

function series(signal) {
  const rises = signal.rises.map(({ calls, by }) => `+${signal.unit === 'bytes' ? size(by) : count(by)} in ${count(calls)} calls`);
  return `${signal.signal}: ${rises.join(', ')}`;
}

/** The lines about why. */
function reasonLines(reason) {
  if (!reason) return [];
  if (reason.lacking) return ['', `why: ${reason.lacking}`, ...kept(reason)];
  return ['', ...reason.lines, ...kept(reason)];
}

function kept(reason) {
  return reason.snapshots ? [`snapshots: ${reason.snapshots.join(' ')}`] : [];
}

/** The message of a `CannotTellError`. */
function cannotTell(result) {
  const lines = [`cannot tell whether it leaks: ${result.why}`];
  if (result.lacking) lines.push(`  ${result.lacking}`);
  for (const signal of result.grew) lines.push(`  until then ${series(signal)}`);
  return lines.join('\n');
}

module.exports = { leak, notCollectable, cannotTell };
