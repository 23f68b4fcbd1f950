// memlab, from the file to sizes by constructor: parsing, dominators, retained sizes, its path finder (which its loader always runs).
// usage: node memlab.mjs FILE
import { createRequire } from 'node:module';

const { getFullHeapFromFile } = createRequire(`${process.env.PEERS}/package.json`)('@memlab/heap-analysis');
const heap = await getFullHeapFromFile(process.argv[2]);
const classes = new Map();
heap.nodes.forEach(node => {
  const one = classes.get(node.name) ?? { count: 0, self: 0 };
  one.count++;
  one.self += node.self_size;
  classes.set(node.name, one);
});
console.log(JSON.stringify({ nodes: heap.nodes.length, classes: classes.size }));
process.exit(0);
