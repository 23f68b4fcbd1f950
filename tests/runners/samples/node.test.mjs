import assert from 'node:assert';
import test from 'node:test';
import { expectCollectable, queryObjects, leakTest, selfCheck } from 'heapwhy';
import leaky from './leaky.js';

const { leaks, fixed, Session } = leaky;

leakTest('registered: fixed', fixed);
leakTest('registered: leaks', process.env.HEAPWHY_SAMPLES === 'fixed' ? fixed : leaks);

test('counts', () => {
  const before = queryObjects(Session);
  const kept = Array.from({ length: 100 }, (_, id) => new Session(id));
  assert.strictEqual(queryObjects(Session) - before, kept.length);
});
test('collectable', () => expectCollectable((id) => new Session(id), Session));
test('a planted leak is found', () => selfCheck());
