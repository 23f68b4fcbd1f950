'use strict';
/** Numbers as people read them: counts as `17,500`, sizes in decimal units, as in all of heapwhy's texts. */

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

module.exports = { count, size };
