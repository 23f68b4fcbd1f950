// One copy of the package, imported or required: errors are of the same class, and checks wait for each other.
import { createRequire } from 'node:module';
import * as imported from 'heapwhy';

const required = createRequire(import.meta.url)('heapwhy');
const differ = Object.keys(required).filter((name) => required[name] !== imported[name]);
if (differ.length > 0) throw new Error(`not the same: ${differ}`);
const { verdict } = await imported.measureGrowth(() => {});
if (verdict !== 'no leak') throw new Error(verdict);
process.stdout.write(`${Object.keys(required).length} functions and classes`);
