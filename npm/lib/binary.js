'use strict';
/**
 * Where the program `heapwhy` is, which explains leaks: the variable HEAPWHY_BIN, the package of this platform, the folders of PATH.
 *
 * It runs nothing.
 */

const fs = require('fs');
const path = require('path');
const { mainProcess } = require('./saved.js');

/** `{path}` of the program, or `{lacking}`: why there is none. */
function find(env = mainProcess.env) {
  if (env.HEAPWHY_BIN) {
    return isProgram(env.HEAPWHY_BIN) ? { path: env.HEAPWHY_BIN } : { lacking: `HEAPWHY_BIN names ${env.HEAPWHY_BIN}, which is no program` };
  }
  const found = [ofPlatform(), ...inPath(env)].find((candidate) => candidate && isProgram(candidate));
  if (found) return { path: found };
  return { lacking: 'the program heapwhy says what holds the memory, and it was not found: not in HEAPWHY_BIN, the packages, or PATH' };
}

/** Binaries come in a package for each platform, as an optional dependency. */
function ofPlatform() {
  const { platform, arch } = mainProcess;
  const file = platform === 'win32' ? 'heapwhy.exe' : 'heapwhy';
  try {
    return require.resolve(`@heapwhy/${platform}-${arch}/bin/${file}`);
  } catch {
    return null;
  }
}

function inPath(env) {
  const names = mainProcess.platform === 'win32' ? ['heapwhy.exe'] : ['heapwhy'];
  const folders = (env.PATH || env.Path || '').split(path.delimiter).filter(Boolean);
  return folders.flatMap((folder) => names.map((name) => path.join(folder, name)));
}

/** Whether a file can be run and is no script: npm puts this package's own command into PATH, which would look for the program again. */
function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    if (!fs.statSync(file).isFile()) return false;
    const head = Buffer.alloc(2);
    const descriptor = fs.openSync(file, 'r');
    try {
      return fs.readSync(descriptor, head, 0, 2, 0) === 2 && head.toString('latin1') !== '#!';
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

module.exports = { find };
