// The retaining paths that DevTools' engine shows: of nodes spread over a whole snapshot, within generous and within tight limits.
//
// usage: node paths.mjs FILE OUT   JSON: [{node, limits: [depth, nodes, siblings], reached: {depth?, nodes?, siblings?}, rows: [[depth, node, edge]…]}…]
//
// Nodes and edges are given by their position in the file. Rows are depth first, without the node itself.
import { writeFileSync } from 'node:fs';
import { load } from './load.mjs';

console.warn = () => {}; // the engine tells of unreachable nodes there

const ASKED = 43;
const GENEROUS = [30, 5000, 100];
const TIGHT = [9, 120, 4];

/** Lists a forest depth first, iteratively. */
function listed(snapshot, forest) {
  const rows = [];
  const work = [[forest, 0, 1]];
  while (work.length > 0) {
    const top = work.at(-1);
    if (top[1] === top[0].length) {
      work.pop();
      continue;
    }
    const { nodeIndex, edgeIndex, children } = top[0][top[1]++];
    rows.push([top[2], nodeIndex / snapshot.nodeFieldCount, edgeIndex / snapshot.edgeFieldsCount]);
    work.push([children, 0, top[2] + 1]);
  }
  return rows;
}

const [file, out] = process.argv.slice(2);
const snapshot = await load(file);
const step = Math.max(1, Math.floor(snapshot.nodeCount / ASKED));
const answers = [];
for (let node = 0; node < snapshot.nodeCount; node += step) {
  const limits = answers.length % 8 === 0 ? GENEROUS : TIGHT;
  const { paths, limitsReached } = snapshot.getRetainingPaths(node * snapshot.nodeFieldCount, ...limits);
  answers.push({ node, limits, reached: limitsReached, rows: listed(snapshot, paths) });
}
writeFileSync(out, JSON.stringify(answers));
process.exit(0);
