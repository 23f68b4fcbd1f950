// heapwhy's leak tests for ES modules: the same functions as `index.cjs`, one copy of them.

import heapwhy from './index.cjs';
import registering from './lib/leak-test.js';

// Vitest cannot be required, and a test is registered at once: it is imported before anybody asks.
if (process.env.VITEST) {
  const vitest = await import('vitest').catch(() => null);
  registering.given.vitest = vitest && vitest.test;
}

export const {
  expectNoGrowth,
  measureGrowth,
  expectCollectable,
  expectCollected,
  leakTest,
  selfCheck,
  queryObjects,
  checkIfCollectable,
  checkIfCollectableByCounting,
  gcReachedBy,
  LeakError,
  CannotTellError,
} = heapwhy;
