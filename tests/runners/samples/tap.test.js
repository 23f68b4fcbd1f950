const t = require('tap');
const { expectCollectable, queryObjects, leakTest, selfCheck } = require('heapwhy');
const { leaks, fixed, Session } = require('./leaky.js');

leakTest('registered: fixed', fixed);
leakTest('registered: leaks', process.env.HEAPWHY_SAMPLES === 'fixed' ? fixed : leaks);

t.test('counts', async (t) => {
  const before = queryObjects(Session);
  const kept = Array.from({ length: 100 }, (_, id) => new Session(id));
  t.equal(queryObjects(Session) - before, kept.length);
});
t.test('collectable', () => expectCollectable((id) => new Session(id), Session));
t.test('a planted leak is found', () => selfCheck());
