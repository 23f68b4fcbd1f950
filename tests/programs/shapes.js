'use strict';
// Classes and plain objects: what DevTools names "{a, b}", and the names that are hard to name.
// usage: node shapes.js OUT_PREFIX
const v8 = require('v8');

class User {
  constructor(i) {
    this.id = i;
    this.name = `user ${i}`;
    this.friends = [];
  }
}
class Admin extends User {
  #secret = { key: 'x' };
  get secret() {
    return this.#secret;
  }
}
const sameName = [1, 2].map(n => (n === 1 ? class Twin { constructor() { this.one = {}; } } : class Twin { constructor() { this.two = []; } }));
const named = name => ({ [name]: class { constructor() { this.value = {}; } } })[name];
const ODD_CLASSES = ['<div id="a">', '<div class="b">', '<p>', 'Detached <p x>', 'Detached <p>', '{id, name}', '(array)', 'Function', 'RegExp',
  '"quoted", comma', 'two\nlines', 'tab\there', 'ünïcödé', '漢字', '😀', 'half \ud83d', '\ude00 half', '(system)', ',comma first', 'x'.repeat(1100)];
const ODD_KEYS = ['plain', 'with space', 'with,comma', "with'apostrophe", 'with"quote', 'with{brace', 'with}brace', 'back\\slash', 'new\nline', 'ключ',
  '漢字', '😀', 'half\ud83d', '\ude00half', '', '__proto__x', 'constructor', '0x1', '-1', '1.5', 'k'.repeat(119), 'k'.repeat(121), 'k'.repeat(1100)];

const state = { users: [], twins: [], odd: [], shapes: [], keyed: [], wide: [], dictionaries: [], nested: null };
for (let i = 0; i < 400; i++) {
  const user = i % 10 ? new User(i) : new Admin(i);
  user.friends = state.users.slice(-3);
  state.users.push(user);
  state.twins.push(new sameName[i % 2]());
}
for (const name of ODD_CLASSES) for (let i = 0; i < 3; i++) state.odd.push(new (named(name))());

// The same properties in several orders, subsets, supersets, and shapes too rare for a name.
for (let i = 0; i < 300; i++) {
  state.shapes.push({ a: i, b: {} }, { b: {}, a: i }, { a: {}, b: [], c: 'x' + i }, { a: 1.5 + i });
  if (i % 3 === 0) state.shapes.push({ c: {}, b: [], a: {} }, { a: {}, b: {}, d: {}, e: {} });
  if (i % 30 === 0) state.shapes.push({ rare: {}, ['only' + i]: [] });
  if (i % 5 === 0) state.shapes.push({}, Object.create(null), Object.create({ a: {} }), Object.assign(Object.create(state), { a: {}, b: {} }));
  if (i % 7 === 0) state.shapes.push({ get a() { return i; }, b: [] }, { __proto__: { z: {} }, a: [], b: [] }, { ['__proto__']: [], b: [] });
}
for (let i = 0; i < 60; i++) {
  for (const key of ODD_KEYS) state.keyed.push({ [key]: { i } }, { first: {}, [key]: [i] });
  state.keyed.push(Object.fromEntries(ODD_KEYS.map(key => [key, [i]])));
}
// Names around the limit of 120 characters, in one key and in many.
for (let length = 112; length <= 124; length++) {
  for (let i = 0; i < 8; i++) {
    state.wide.push({ ['p'.repeat(length)]: {} }, { a: {}, ['q'.repeat(length - 4)]: {} });
    state.wide.push(Object.fromEntries(Array.from({ length: 60 }, (_, k) => ['key' + String(k).repeat(length - 110), [k]])));
  }
}
// Objects with numeric keys, dense and sparse, and dictionaries after deletions.
for (let i = 0; i < 40; i++) {
  const sparse = { 5: {}, 70000: {}, 4294967294: {}, 4294967295: {}, x: {} };
  const dictionary = Object.fromEntries(Array.from({ length: 50 }, (_, k) => ['d' + k, { k }]));
  delete dictionary.d3;
  state.dictionaries.push(sparse, dictionary, { 0: {}, 1: {}, 2: {} }, [, {}, , {}], Object.freeze({ a: {}, b: {} }));
}
for (let i = 0; i < 3000; i++) state.nested = { next: state.nested, value: i };
state.symbols = Array.from({ length: 50 }, (_, i) => ({ [Symbol('s' + i)]: {}, [Symbol.for('shared')]: [], [Symbol()]: {} }));
// Objects whose class is named as DevTools names all functions or all regular expressions.
state.impostors = Array.from({ length: 20 }, (_, i) => [Object.create(Function.prototype, { i: { value: [i] } }), Object.create(RegExp.prototype)]);
state.self = state;
globalThis.state = state;
v8.writeHeapSnapshot(process.argv[2] + '.heapsnapshot');
process.exit(0);
