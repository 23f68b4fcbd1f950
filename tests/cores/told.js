'use strict';
// Writes values as heapwhy shows them in one line, from what JavaScript itself says of them: to hold one to the other. A line that ends with
// `…` is the start of what is shown. Functions have no line: their place is not known here.

// So many entries of an object are told, and so many characters of a string in another value.
const ENTRIES = 200, TEXT = 40;
const OLD = parseInt(process.versions.v8, 10) < 10;

function quote(text) {
  return "'" + text.replace(/['\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t') + "'";
}

// V8 9 asks all prototypes for a tag before it asks any for a constructor; of what these made, the constructor is told nevertheless.
const BUILTIN = [Map, Set, WeakMap, WeakSet, WeakRef, Promise, ArrayBuffer];
function className(value) {
  if (OLD && !BUILTIN.some((made) => value instanceof made)) {
    for (let at = value; at; at = Object.getPrototypeOf(at)) {
      const tag = Object.getOwnPropertyDescriptor(at, Symbol.toStringTag);
      if (tag && typeof tag.value === 'string') return tag.value;
    }
  }
  return value.constructor ? value.constructor.name : 'Object';
}

function isProxy(value) {
  return require('util').types.isProxy(value);
}

function primitive(value, text) {
  if (typeof value === 'string') return quote(value.length > text ? value.slice(0, text) + '…' : value);
  if (typeof value === 'bigint') return value + 'n';
  return Object.is(value, -0) ? '-0' : String(value);
}

const isBytes = (value) => ArrayBuffer.isView(value) && !(value instanceof DataView);

// What a value is, without what it holds.
function head(value, text = TEXT) {
  if (value === null || typeof value !== 'object') return primitive(value, text);
  if (isProxy(value)) return 'Proxy';
  return Object.getPrototypeOf(value) === null ? `[${kind(value)}: null prototype]` : kind(value);
}

function kind(value) {
  const name = className(value);
  if (Array.isArray(value) || isBytes(value)) return `${name}(${value.length})`;
  if (value instanceof Map || value instanceof Set) return `${name}(${value.size})`;
  if (value instanceof Date) return `${name} ${value.toISOString()}`;
  if (value instanceof ArrayBuffer) return `${name}(${value.byteLength})`;
  return name;
}

function key(name) {
  if (typeof name === 'symbol') return `[${String(name)}]`;
  return /^[\p{Alphabetic}_$][\p{Alphabetic}\p{Number}_$]*$/u.test(name) ? name : quote(name);
}

function elements(value, entries) {
  let next = 0;
  for (let i = 0; i < value.length && entries.length < ENTRIES; i++) {
    if (!(i in value)) continue;
    if (i > next) entries.push(i - next === 1 ? '<1 empty item>' : `<${i - next} empty items>`);
    if (entries.length === ENTRIES) { next = i; break; }
    entries.push(head(value[i]));
    next = i + 1;
  }
  const left = value.length - next;
  if (left === 0 || entries.length === ENTRIES) return left;
  entries.push(left === 1 ? '<1 empty item>' : `<${left} empty items>`);
  return 0;
}

function properties(value, isIndexed, entries) {
  for (const name of Reflect.ownKeys(value)) {
    const index = typeof name === 'string' && /^\d+$/.test(name);
    if ((index && isIndexed) || (isIndexed && name === 'length')) continue;
    const { get, set, value: own } = Object.getOwnPropertyDescriptor(value, name);
    const shown = get && set ? '[Getter/Setter]' : get ? '[Getter]' : set ? '[Setter]' : head(own);
    entries.push(`${index ? name : key(name)}: ${shown}`);
  }
}

// What a value is, with what it holds, in one line.
function line(value) {
  if (value === null || typeof value !== 'object') return primitive(value, Infinity);
  const entries = [];
  if (isProxy(value)) return 'Proxy {…';
  const isList = Array.isArray(value) || isBytes(value);
  let more = 0;
  if (isList) more = elements(value, entries);
  else if (value instanceof Map) for (const [k, v] of value) entries.push(`${head(k)} => ${head(v)}`);
  else if (value instanceof Set) for (const k of value) entries.push(head(k));
  if (value instanceof Error) return `${className(value)}: ${value.message}…`;
  properties(value, isList, entries);
  const all = entries.length;
  const shown = entries.slice(0, ENTRIES);
  more += all - shown.length;
  if (more) shown.push(`… ${more} more`);
  if (!shown.length) return head(value);
  const [open, close] = isList ? '[]' : '{}';
  return `${head(value)} ${open} ${shown.join(', ')} ${close}`;
}

module.exports = { line, head };
