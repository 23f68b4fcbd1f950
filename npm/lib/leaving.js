'use strict';
/** A function that ends the process while it is judged: the process must not look as if all had been well. */

const fs = require('fs');
const { mainProcess } = require('./saved.js');

/** The exit code for "cannot tell", which heapwhy's own commands use too. */
const CANNOT_TELL = 3;

/** Watches for the end of the process until it is lifted. */
function guardExit(calls) {
  const ended = (code) => {
    // Written at once: streams of a process that ends may not be.
    write(`heapwhy: cannot tell: the function ended the process in call ${calls.made + 1}\n`);
    if (!code) mainProcess.exitCode = CANNOT_TELL;
  };
  mainProcess.on('exit', ended);
  return { lift: () => mainProcess.removeListener('exit', ended) };
}

function write(text) {
  try {
    fs.writeSync(2, text);
  } catch {
    // Nobody listens.
  }
}

module.exports = { guardExit };
