// The same of CommonJS.
import heapwhy = require('heapwhy');

export const done: Promise<heapwhy.Result> = heapwhy.measureGrowth((call) => call, { explain: 'never' });
