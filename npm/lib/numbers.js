'use strict';
/** Numbers and strangers' text as people read them: counts as `17,500`, sizes in decimal units, as in all of heapwhy's texts. */

/** A count, or a rate with the two digits that it needs. */
function count(value) {
  const rounded = Math.abs(value) >= 10 ? Math.round(value) : Math.round(value * 100) / 100;
  return rounded.toLocaleString('en-US');
}

/** A size of bytes. */
function size(bytes) {
  const steps = [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ];
  const [unit, name] = steps.find(([least]) => Math.abs(bytes) >= least) || [1, 'B'];
  return unit === 1 ? `${count(bytes)} B` : `${(bytes / unit).toFixed(1)} ${name}`;
}

const MOST = 200;
const HALF = MOST / 2 - 1;
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text out of a heap, which a terminal must not obey: control characters and marks of direction are shown. Long ones are cut in the middle. */
function plain(text) {
  const shown = String(text).replace(OBEYED, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return shown.length > MOST ? `${shown.slice(0, HALF)}…${shown.slice(-HALF)}` : shown;
}

module.exports = { count, size, plain };
