'use strict';
/**
 * Node's inspector, asked from inside the process: the only way to count objects of other contexts, and of any on Node 16 and 18.
 *
 * It knows the DevTools protocol. It opens no port: the session is inside the process and closed after use.
 */

const saved = require('./saved.js');

const GROUP = 'heapwhy';
/** Under this name the inspector's side finds what is asked about, on the global object of its context, while it is asked. */
const KEY = '__heapwhy_asks__';

/** Thrown where there is no inspector. */
class NoInspector extends Error {}

/** Opens a session, which somebody must close. */
function open() {
  const inspector = saved.optional('inspector');
  if (!inspector || !inspector.Session) throw new NoInspector('this Node.js has no inspector');
  const session = new inspector.Session();
  try {
    session.connect();
  } catch (error) {
    throw new NoInspector(`the inspector is not allowed here (${error.code || error.message})`);
  }
  return session;
}

/** Asks. Answers of the runtime come before `post` returns. */
function ask(session, method, parameters) {
  let answer = null;
  session.post(method, parameters, (error, value) => (answer = { error, value }));
  if (!answer) throw new Error(`${method}: no answer`);
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.value;
}

/** Collects garbage. The heap profiler answers later: its answer is waited for (all lines). */
function collect(session) {
  return new Promise((resolve, reject) => {
    session.post('HeapProfiler.collectGarbage', (error) => (error ? reject(new Error(error.message)) : resolve()));
  });
}

/** The ids of all contexts. Enabling reports them; it is disabled at once, since what is enabled keeps messages of the console. */
function contextIds(session) {
  const ids = [];
  const note = ({ params }) => ids.push(params.context.id);
  session.on('Runtime.executionContextCreated', note);
  ask(session, 'Runtime.enable');
  ask(session, 'Runtime.disable');
  session.removeListener('Runtime.executionContextCreated', note);
  return ids;
}

/** Runs `work` while a context's global object has `value` under `KEY`. */
function lending(global, value, work) {
  Object.defineProperty(global, KEY, { value, configurable: true, enumerable: false });
  try {
    return work();
  } finally {
    delete global[KEY];
  }
}

/** The id of the context whose global object this is. Throws `NoInspector` where the inspector does not know it. */
function contextOf(session, global) {
  const mark = Math.random();
  const expression = `globalThis.${KEY}`;
  const isIt = (contextId) => ask(session, 'Runtime.evaluate', { expression, contextId, returnByValue: true }).result.value === mark;
  const found = lending(global, mark, () => contextIds(session).find(isIt));
  if (found === undefined) throw new NoInspector('the inspector does not know the context that the test runs in');
  return found;
}

/**
 * Calls a function of source text on the array of all objects of a context that have `prototype` in their chain, and returns what it returns,
 * by value. Collects garbage thoroughly before.
 */
function query(session, { contextId, global }, prototype, source = 'function () { return this.length }') {
  return lending(global, { prototype, inspect: require('util').inspect }, () => {
    try {
      const lent = ask(session, 'Runtime.evaluate', { expression: `globalThis.${KEY}.prototype`, contextId, objectGroup: GROUP });
      const found = ask(session, 'Runtime.queryObjects', { prototypeObjectId: lent.result.objectId, objectGroup: GROUP });
      const { objectId } = found.objects;
      return ask(session, 'Runtime.callFunctionOn', { objectId, functionDeclaration: source, returnByValue: true }).result.value;
    } finally {
      // The array of all that was found would otherwise live on, and be measured.
      ask(session, 'Runtime.releaseObjectGroup', { objectGroup: GROUP });
    }
  });
}

/** The id that an object of Node's own context, or of one that it was lent from, has in heap snapshots. */
function idOf(session, object) {
  return lending(saved.mainGlobal, object, () => {
    const { result } = ask(session, 'Runtime.evaluate', { expression: `globalThis.${KEY}`, objectGroup: GROUP });
    try {
      return ask(session, 'HeapProfiler.getHeapObjectId', { objectId: result.objectId }).heapSnapshotObjectId;
    } finally {
      ask(session, 'Runtime.releaseObjectGroup', { objectGroup: GROUP });
    }
  });
}

/** Texts of the objects that a query finds. */
const SUMMARY = `function () { return this.map((one) => globalThis.${KEY}.inspect(one, { depth: 0 })) }`;

/** Forgets what the console keeps of logged objects while any session is open, ours or a debugger's (all lines). */
function discardConsole(session) {
  ask(session, 'Runtime.discardConsoleEntries');
}

/** Whether somebody else has the inspector open. */
function isOpenElsewhere() {
  const inspector = saved.optional('inspector');
  return Boolean(inspector && inspector.url && inspector.url());
}

module.exports = { open, ask, collect, contextOf, query, idOf, SUMMARY, discardConsole, isOpenElsewhere, NoInspector };
