const { expectNoGrowth, expectCollectable, queryObjects, leakTest, selfCheck } = require('heapwhy');
const { leaks, fixed, Session } = require('./leaky.js');

leakTest('registered: fixed', fixed);
leakTest('registered: leaks', process.env.HEAPWHY_SAMPLES === 'fixed' ? fixed : leaks);

test('counts', () => {
  const before = queryObjects(Session);
  const kept = Array.from({ length: 100 }, (_, id) => new Session(id));
  expect(queryObjects(Session) - before).toBe(100);
  expect(kept.length).toBe(100);
}, 240000);
test('collectable', () => expectCollectable((id) => new Session(id), Session), 240000);
test('a planted leak is found', () => selfCheck(), 240000);
test('with fake timers', async () => {
  jest.useFakeTimers();
  try {
    await expectNoGrowth(fixed);
  } finally {
    jest.useRealTimers();
  }
}, 240000);
