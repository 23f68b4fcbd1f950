'use strict';
/**
 * The program `heapwhy`, which explains leaks: where it is (the variable HEAPWHY_BIN, the package of this platform, the folders of PATH), and
 * what it answers.
 */

const fs = require('fs');
const path = require('path');
const { execFile } = require('child_process');
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

/** How long the program may take, ms. */
const LIMIT = 60000;
const MOST_OUTPUT = 64 * 1024 * 1024;

/** Runs the program. Resolves to `{error, stdout, stderr}`; it is ended with this process, whatever happens. */
function run(program, parameters) {
  return new Promise((resolve) => {
    const options = { timeout: LIMIT, killSignal: 'SIGKILL', maxBuffer: MOST_OUTPUT, windowsHide: true };
    const child = execFile(program, parameters, options, (error, stdout, stderr) => {
      mainProcess.removeListener('exit', end);
      resolve({ error, stdout, stderr });
    });
    const end = () => child.kill('SIGKILL');
    mainProcess.on('exit', end);
  });
}

/** What went wrong, in the program's own words where it has any. */
function failed({ error, stderr }) {
  return new Error(String(stderr || (error && error.message) || 'no answer').trim().slice(0, 500));
}

module.exports = { find, run, failed };
