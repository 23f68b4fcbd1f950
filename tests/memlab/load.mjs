// What memlab makes of a heap snapshot: how many nodes and edges, and of each name how many nodes and their sizes.
//
// usage: MEMLAB=FOLDER node load.mjs FILE OUT
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { getFullHeapFromFile } = createRequire(`${process.env.MEMLAB}/package.json`)('@memlab/heap-analysis');
const [file, out] = process.argv.slice(2);
const heap = await getFullHeapFromFile(file);
const names = {};
heap.nodes.forEach(node => {
  const one = (names[`${node.type} ${node.name}`] ??= { count: 0, self: 0, retained: 0, edges: 0 });
  one.count++;
  one.self += node.self_size;
  one.retained += node.retainedSize;
  one.edges += node.edge_count;
});
writeFileSync(out, JSON.stringify({ nodes: heap.nodes.length, edges: heap.edges.length, names }));
process.exit(0);
