'use strict';
/**
 * A program, not a part of the package's interface: judges one function of a file in a process of its own, for `heapwhy fn`.
 *
 * `node judge-file.js ANSWER FILE FUNCTION OPTIONS`: FUNCTION may be empty, OPTIONS are `measureGrowth`'s in JSON. What came of it is written
 * to the file ANSWER, as JSON: `{outcome: 'judged', verdict, text, result}`, or `{outcome: 'failed', doing, text}`. A process that ends
 * without it was ended by the function, or from outside.
 */

const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const saved = require('./saved.js');
const wording = require('./wording.js');
const { measureGrowth } = require('./growth.js');
const { inWords } = require('./calling.js');

const [, , answer, file, name, options] = saved.mainProcess.argv;
const exit = saved.mainProcess.exit.bind(saved.mainProcess);

/** Why there is no verdict. `doing`: what failed. */
class Failed extends Error {
  constructor(doing, text) {
    super(text);
    this.doing = doing;
  }
}

/** Whoever started this holds the other end of stdin: where they are gone nobody waits for an answer. */
function endWithParent() {
  const { stdin } = saved.mainProcess;
  stdin.on('end', () => exit(3)).on('error', () => exit(3));
  stdin.resume();
  // A pipe: a handle that keeps the process alive, and that is not the function's.
  if (stdin.unref) stdin.unref();
}

async function load() {
  try {
    return await import(pathToFileURL(path.resolve(file)).href);
  } catch (error) {
    const hint = error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION' ? ' (Node.js 22.18 and later run TypeScript)' : '';
    throw new Failed('loading', `${inWords(error)}${hint}`);
  }
}

/** The function of that name: an export, or a property of what is exported by default; without a name, what is exported by default. */
function find(module) {
  const words = name ? name.split('.') : ['default'];
  const found = [module, module.default].map((from) => at(from, words)).find((candidate) => candidate !== null);
  if (found) return found;
  const what = name ? `${name} is no function in it` : 'it exports no function by default';
  const known = functions(module);
  throw new Failed('finding', known.length > 0 ? `${what}; functions are ${known.join(', ')}` : `${what}, and no other`);
}

/** The function to which names lead, as a method of what it was found in; null for none. */
function at(from, words) {
  const step = (object, word) => (object === null || object === undefined ? undefined : object[word]);
  const owner = words.slice(0, -1).reduce(step, from);
  const fn = step(owner, words[words.length - 1]);
  if (typeof fn !== 'function') return null;
  return words.length > 1 ? fn.bind(owner) : fn;
}

/** The names of functions that a module exports. */
function functions(module) {
  const of = (from) => (from && (typeof from === 'object' || typeof from === 'function') ? Object.keys(from).filter((key) => typeof from[key] === 'function') : []);
  return [...new Set([...of(module), ...of(module.default)])].filter((key) => key !== 'default' && key !== 'module.exports').slice(0, 20);
}

async function judged() {
  const fn = find(await load());
  const result = await measureGrowth(fn, JSON.parse(options));
  const text = result.verdict === 'leak' ? wording.leak(result) : result.verdict === 'no leak' ? '' : wording.cannotTell(result);
  // An error has no JSON of its own.
  const { cause, ...rest } = result;
  return { outcome: 'judged', verdict: result.verdict, text, threw: 'cause' in result, stack: stackOf(cause), result: rest };
}

/** The beginning of an error's stack, up to this package's own calls. */
function stackOf(error) {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return '';
  const lines = error.stack.split('\n');
  const own = lines.findIndex((line) => line.includes(__dirname));
  return lines.slice(0, own < 0 ? 10 : Math.min(own, 10)).join('\n');
}

function write(content) {
  fs.writeFileSync(answer, JSON.stringify(content), { mode: 0o600 });
  exit(0);
}

endWithParent();
judged().then(write, (error) => write({ outcome: 'failed', doing: error instanceof Failed ? error.doing : 'judging', text: error instanceof Failed ? error.message : inWords(error) }));
