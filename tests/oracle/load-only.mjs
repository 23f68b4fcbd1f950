// What the benchmark measures of DevTools' engine: from the file to the aggregates by class.
// usage: node load-only.mjs FILE [BASE]: with BASE it also compares the two
import { load } from './load.mjs';

console.warn = () => {}; // the engine tells of unreachable nodes there

const [file, base] = process.argv.slice(2);
const laps = {};
let last = performance.now();
const lap = name => {
  const now = performance.now();
  laps[name] = (laps[name] ?? 0) + Math.round(now - last);
  last = now;
};
const snapshot = await load(file, lap);
const classes = Object.keys(snapshot.aggregatesWithFilter({})).length;
lap('aggregates');
if (base) {
  const older = await load(base, lap);
  snapshot.calculateSnapshotDiff(0, older.aggregatesForDiff(snapshot.interfaceDefinitions()));
  lap('diff');
}
console.log(JSON.stringify({ nodes: snapshot.nodeCount, classes, total: snapshot.totalSize, laps }));
process.exit(0);
