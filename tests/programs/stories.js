'use strict';
// What a retaining path must be told of: variables of blocks, bound functions, calls that wait. One class for each story.
// usage: node stories.js OUT_PREFIX
const v8 = require('v8');
const { EventEmitter } = require('events');

const kept = [];
const bus = new EventEmitter();

// Variables of blocks. Several have the name `value`: the one that the function sees is meant.
class InBlock {}
class InLoop {}
class InCatch {}
class InTwo {}
class InFunction {}
function blocks() {
  { const value = 'another'; kept.push(() => value); }
  {
    const value = [new InBlock()];
    kept.push(() => value);
  }
  for (let round = 0; round < 3; round++) {
    const item = new InLoop();
    kept.push(() => item);
  }
  try { throw new InCatch(); } catch (failure) { kept.push(() => failure); }
  {
    const count = 7;
    const both = new InTwo();
    kept.push(() => [count, both]);
  }
  const own = new InFunction();
  kept.push(() => own);
}

// Bound functions: `this`, an argument, a function that was bound twice.
class View {
  constructor() { bus.on('tick', this.onTick.bind(this)); }
  onTick() {}
}
class Argument {}
function take(first) { return first; }

// Calls that wait: for a promise that somebody may settle, for each other, for several.
class Order {}
class Inner {}
class Waiter {}
class Several {}
class Yielded {}
const settlers = [];
const later = () => new Promise((resolve) => settlers.push(resolve));
async function submit() {
  const order = new Order();
  await later();
  return order;
}
async function outer() {
  const held = new Inner();
  await later().then(function next() { return held; });
}
async function waiting() {
  const held = new Waiter();
  await submit();
  return held;
}
async function several() {
  const held = new Several();
  await Promise.all([later(), later()]);
  return held;
}
function* generate() {
  const held = new Yielded();
  yield 1;
  yield held;
}
const generator = generate();
generator.next();

blocks();
new View();
kept.push(take.bind(null, new Argument()).bind(null));
submit();
waiting();
outer();
several();
kept.push(generator);
globalThis.state = { kept, bus, settlers };
import('./exported.mjs').then(() => setTimeout(() => {
  v8.writeHeapSnapshot(`${process.argv[2]}.heapsnapshot`);
  process.exit(0);
}, 50));
