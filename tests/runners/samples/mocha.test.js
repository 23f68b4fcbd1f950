const assert = require('assert');
const { expectNoGrowth, expectCollectable, queryObjects, leakTest, selfCheck } = require('heapwhy');
const { leaks, fixed, Session } = require('./leaky.js');

describe('samples', function () {
  this.timeout(60000);
  leakTest('registered: fixed', fixed);
  leakTest('registered: leaks', leaks);

  it('fixed', () => expectNoGrowth(fixed));
  it('leaks', () => expectNoGrowth(leaks));
  it('counts', () => {
    const before = queryObjects(Session);
    const kept = Array.from({ length: 100 }, (_, id) => new Session(id));
    assert.strictEqual(queryObjects(Session) - before, kept.length);
  });
  it('collectable', () => expectCollectable((id) => new Session(id), Session));
  it('a planted leak is found', () => selfCheck());
});
