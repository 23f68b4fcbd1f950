const assert = require('assert');
const { expectCollectable, queryObjects, leakTest, selfCheck } = require('heapwhy');
const { leaks, fixed, Session } = require('./leaky.js');

describe('samples', function () {
  this.timeout(240000);
  leakTest('registered: fixed', fixed);
  leakTest('registered: leaks', process.env.HEAPWHY_SAMPLES === 'fixed' ? fixed : leaks);

  it('counts', () => {
    const before = queryObjects(Session);
    const kept = Array.from({ length: 100 }, (_, id) => new Session(id));
    assert.strictEqual(queryObjects(Session) - before, kept.length);
  });
  it('collectable', () => expectCollectable((id) => new Session(id), Session));
  it('a planted leak is found', () => selfCheck());
});
