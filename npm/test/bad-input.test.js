'use strict';
// Functions and places that make a verdict hard: each gets a clear one, or "cannot tell", and nothing is left behind.

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const test = require('node:test');
const { spawnSync } = require('child_process');
const heapwhy = require('..');

const { expectNoGrowth, measureGrowth, expectCollectable, expectCollected, queryObjects, selfCheck } = heapwhy;
const LINE = Number(process.versions.node.split('.')[0]);

/** Runs a program of this folder with a folder for temporary files of its own. */
function run(program, parameters = [], flags = [], env = {}) {
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'leak-test-'));
  const file = path.join(__dirname, 'programs', program);
  const { HEAPWHY_BIN, ...plain } = process.env;
  try {
    return spawnSync(process.execPath, [...flags, file, ...parameters], { encoding: 'utf8', timeout: 60000, env: { ...plain, NODE_TEST_CONTEXT: '', TMPDIR: tmp, ...env } });
  } finally {
    fs.rmSync(tmp, { recursive: true, force: true });
  }
}

function answer({ stdout, stderr }) {
  assert.notStrictEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

async function cannotTell(work, words) {
  await assert.rejects(work, (error) => {
    assert.strictEqual(error.code, 'HEAPWHY_CANNOT_TELL');
    assert.match(error.message, words);
    return true;
  });
}

test('a function that throws', () => cannotTell(expectNoGrowth(() => { throw new TypeError('boom'); }), /call 1 threw: TypeError: boom/));
test('a function that throws nothing', () => cannotTell(expectNoGrowth(() => { throw undefined; }), /call 1 threw: undefined/));
test('a function that throws what cannot be shown', () => cannotTell(expectNoGrowth(() => { throw { toString: () => { throw new Error('no'); } }; }), /cannot be shown/));
test('a function that rejects later', () => cannotTell(expectNoGrowth(async (call) => { if (call > 20) throw new Error('late'); }), /call 22 rejected: Error: late/));
test('a function that never settles', () => cannotTell(expectNoGrowth(() => new Promise(() => {}), { callTimeout: 200 }), /has not settled within 200 ms/));
test('a thenable that never settles', () => cannotTell(expectNoGrowth(() => ({ then: () => new Promise(() => {}) }), { callTimeout: 200 }), /has not settled/));
test('a function that blocks for ever', () => cannotTell(expectNoGrowth(() => { for (;;); }, { callTimeout: 300 }), /has blocked the event loop for 300 ms/));
test('what is no function', () => assert.rejects(expectNoGrowth(5), TypeError));
test('an option that is not known', () => assert.rejects(expectNoGrowth(() => {}, { maxRetaind: 5 }), /unknown option maxRetaind/));
test('options that make no sense', async () => {
  for (const options of [{ budget: 'soon' }, { budget: 0 }, { maxRetained: -1 }, { signals: ['heapp'] }, { signals: [] }, { explain: 'yes' }]) {
    await assert.rejects(expectNoGrowth(() => {}, options), TypeError, JSON.stringify(options));
  }
});
test('a budget that is too small', () => {
  const kept = [];
  const slow = () => { const end = Date.now() + 20; while (Date.now() < end); kept.push({}); };
  return cannotTell(expectNoGrowth(slow, { budget: '400ms' }), /the budget of 400 ms of processor time was used up/);
});
test('a time limit that is too short', () => cannotTell(expectNoGrowth(() => new Promise((done) => setTimeout(done, 30)), { timeout: '300ms' }), /time limit of 300 ms/));
test('a factory that makes nothing', () => cannotTell(expectCollectable(() => 5), /returned no object/));
test('a primitive cannot be collected', () => assert.throws(() => expectCollected(5), TypeError));

test('one object that stays, and one that goes', async () => {
  let gone = {};
  const done = expectCollected(gone);
  gone = null;
  await done;
  const stays = {};
  await assert.rejects(expectCollected(stays, { explain: 'never' }), { code: 'HEAPWHY_LEAK' });
  assert.ok(stays);
});

test('a leak of some objects is one', async () => {
  const kept = [];
  const factory = (call) => { const made = {}; if (call % 10 === 0) kept.push(made); return made; };
  await assert.rejects(expectCollectable(factory, { explain: 'never' }), { code: 'HEAPWHY_LEAK' });
  await expectCollectable(() => ({}));
});

test('objects are counted with those of derived classes', () => {
  class Base {}
  class Derived extends Base {}
  const kept = [new Base(), new Derived()];
  // The prototype of the derived class is one of them, as v8.queryObjects has it.
  assert.strictEqual(queryObjects(Base), 3);
  assert.strictEqual(queryObjects(Derived), 1);
  assert.strictEqual(queryObjects(Derived, { format: 'summary' }).length, kept.length - 1);
});

test('objects of another context are counted', () => {
  const vm = require('vm');
  const Class = vm.runInNewContext('globalThis.kept = []; class Class {}; for (let i = 0; i < 100; i++) kept.push(new Class()); Class');
  assert.strictEqual(queryObjects(Class), 100);
});

test('a planted leak is found, also beside a function', async () => {
  await selfCheck();
  await selfCheck(async () => Buffer.alloc(1000));
});

test('two checks at once do not measure each other', async () => {
  const kept = [];
  const [leak, none] = await Promise.all([measureGrowth(() => void kept.push({}), { explain: 'never' }), measureGrowth(() => {}, { explain: 'never' })]);
  assert.deepStrictEqual([leak.verdict, none.verdict], ['leak', 'no leak']);
});

test('a function that ends the process does not end it well', () => {
  const { status, stderr } = run('ends.js');
  assert.strictEqual(status, 3);
  assert.match(stderr, /cannot tell: the function ended the process in call 51/);
});

test('a function that patches globals', () => {
  assert.deepStrictEqual(answer(run('patches.js')), ['no leak', 'leak']);
});

test('without the program, the reason says what it lacks', () => {
  const { verdict, reason, left } = answer(run('leaks.js', [], [], { PATH: '/nonexistent' }));
  assert.strictEqual(verdict, 'leak');
  assert.match(reason.lacking, /the program heapwhy .* was not found/);
  assert.deepStrictEqual(left, []);
});

test('a program that is none', () => {
  const { reason } = answer(run('leaks.js', [], [], { HEAPWHY_BIN: '/nonexistent/heapwhy' }));
  assert.match(reason.lacking, /HEAPWHY_BIN names \/nonexistent\/heapwhy, which is no program/);
});

test('a program that fails', { skip: !fs.existsSync('/bin/false') && 'there is no /bin/false' }, () => {
  const { verdict, reason, left } = answer(run('leaks.js', [], [], { HEAPWHY_BIN: '/bin/false' }));
  assert.strictEqual(verdict, 'leak');
  assert.match(reason.lacking, /did not explain it/);
  assert.deepStrictEqual(left, []);
});

test('snapshots are kept where that was asked for, for their owner alone', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leak-kept-'));
  try {
    const { reason } = answer(run('leaks.js', [JSON.stringify({ keepSnapshots: folder })], [], { PATH: '/nonexistent' }));
    assert.strictEqual(reason.snapshots.length, 2);
    for (const file of reason.snapshots) assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test('under the permission model', { skip: LINE < 20 && 'Node.js 16 and 18 have none' }, () => {
  const flag = LINE < 24 ? '--experimental-permission' : '--permission';
  const { verdict, reason } = answer(run('leaks.js', [], [flag, '--allow-fs-read=*'], { HEAPWHY_BIN: process.execPath }));
  assert.strictEqual(verdict, 'leak');
  assert.match(reason.lacking, /no heap snapshot could be written|did not explain it/);
});

test('without an inspector, what cannot be counted is not green', () => {
  const { stdout } = run('blind.js');
  const { verdict, why, leak } = JSON.parse(stdout);
  assert.strictEqual(verdict, 'cannot tell');
  assert.match(why, /objects cannot be seen/);
  assert.strictEqual(leak, 'leak');
});
