// What DevTools' own engine says of heap snapshots: the truth that heapwhy's numbers are compared with.
//
// usage: node devtools.mjs nodes FILE OUT   one row a node, in the file's order, as CSV
//        node devtools.mjs report FILE OUT  classes, statistics, filters as JSON
//        node devtools.mjs diff OLD NEW OUT what changed, class by class, as JSON
//        node devtools.mjs all FILE OUT     OUT.csv and OUT.json from one load
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { load } from './load.mjs';

console.warn = () => {}; // the engine tells of unreachable nodes there

const FILTERS = [
  'duplicatedStrings',
  'objectsRetainedByDetachedDomNodes',
  'objectsRetainedByConsole',
  'objectsRetainedByEventHandlers',
  'objectsRetainedByContexts',
];

const quoted = text => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Rows `id,class,self_size,retained_size,distance,dominator_id`; the root is its own dominator, distance -5 is none. */
function writeNodes(snapshot, path) {
  const { nodeCount, nodeFieldCount, nodeIdOffset, nodes, dominatorsTree, nodeDistances, retainedSizes } = snapshot;
  const out = openSync(path, 'w');
  const idOf = ordinal => nodes.getValue(ordinal * nodeFieldCount + nodeIdOffset);
  const node = snapshot.createNode(0);
  let rows = ['id,class,self_size,retained_size,distance,dominator_id'];
  for (let i = 0; i < nodeCount; i++) {
    node.nodeIndex = i * nodeFieldCount;
    const numbers = [node.selfSize(), retainedSizes[i], nodeDistances[i], idOf(dominatorsTree[i])];
    rows.push(`${node.id()},${quoted(node.className())},${numbers.join()}`);
    if (rows.length === 20000) {
      writeSync(out, rows.join('\n') + '\n');
      rows = [];
    }
  }
  writeSync(out, rows.join('\n') + '\n');
  closeSync(out);
}

/**
 * Makes the engine tell classes apart by the keys that it shows, for good. By itself it counts by string index, and where two classes come
 * to the same text in the end (functions, and objects whose constructor is named `Function`) it shows the later one and forgets the other.
 */
function useShownKeys(snapshot) {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(snapshot.createNode(0)));
  const inner = prototype.classKeyInternal;
  prototype.classKeyInternal = function () {
    const key = inner.call(this);
    return typeof key === 'number' ? `,${this.snapshot.strings[key]}` : key;
  };
}

/** Classes by shown key; `shown` is what the unchanged engine says, where that differs. */
function classes(snapshot) {
  const row = ({ name, count, self, maxRet, distance }) => ({ name, count, self, retained: maxRet, distance });
  const unchanged = snapshot.aggregatesWithFilter({});
  useShownKeys(snapshot);
  const built = snapshot.buildAggregates();
  snapshot.calculateClassesRetainedSize(built);
  return [...built].map(([key, aggregate]) => {
    const [ours, theirs] = [row(aggregate), row(unchanged[key])];
    return { key, ...ours, ...(ours.count === theirs.count ? {} : { shown: theirs }) };
  });
}

function filterCounts(snapshot) {
  const counts = {};
  for (const filterName of FILTERS) {
    const found = Object.values(snapshot.aggregatesWithFilter({ filterName }));
    counts[filterName] = { count: found.reduce((sum, one) => sum + one.count, 0), self: found.reduce((sum, one) => sum + one.self, 0) };
  }
  return counts;
}

/** Groups of equal strings, the most retaining first. */
function duplicateStrings(snapshot) {
  const groups = snapshot.getDuplicateStrings();
  const sum = key => groups.reduce((total, group) => total + group[key], 0);
  const top = groups.slice(0, 200).map(({ value, count, totalSelfSize, totalRetainedSize }) => ({
    value,
    count,
    self: totalSelfSize,
    retained: totalRetainedSize,
  }));
  return { groups: groups.length, count: sum('count'), self: sum('totalSelfSize'), retained: sum('totalRetainedSize'), top };
}

function report(snapshot) {
  return {
    nodes: snapshot.nodeCount,
    total: snapshot.totalSize,
    statistics: snapshot.getStatistics(),
    interfaces: JSON.parse(snapshot.interfaceDefinitions()).map(({ name, count }) => ({ name, count })),
    filters: filterCounts(snapshot),
    duplicates: duplicateStrings(snapshot),
    contexts: snapshot.getNativeContextSizes(),
    samples: snapshot.getSamples(),
    classes: classes(snapshot),
  };
}

function diff(older, newer) {
  useShownKeys(newer);
  const changes = newer.calculateSnapshotDiff(0, older.aggregatesForDiff(newer.interfaceDefinitions()));
  return Object.entries(changes).map(([key, { name, addedCount, removedCount, addedSize, removedSize, countDelta, sizeDelta }]) => ({
    key,
    name,
    addedCount,
    removedCount,
    addedSize,
    removedSize,
    countDelta,
    sizeDelta,
  }));
}

const writeJson = (path, value) => writeFileSync(path, JSON.stringify(value));

const [what, ...paths] = process.argv.slice(2);
switch (what) {
  case 'nodes':
    writeNodes(await load(paths[0]), paths[1]);
    break;
  case 'report':
    writeJson(paths[1], report(await load(paths[0])));
    break;
  case 'diff': {
    const older = await load(paths[0]);
    writeJson(paths[2], diff(older, await load(paths[1])));
    break;
  }
  case 'all': {
    const snapshot = await load(paths[0]);
    writeNodes(snapshot, `${paths[1]}.csv`);
    writeJson(`${paths[1]}.json`, report(snapshot));
    break;
  }
  default:
    throw new Error(`unknown: ${what}`);
}
process.exit(0);
