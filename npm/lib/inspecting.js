'use strict';
/**
 * Node's inspector, asked from inside the process: the only way to count objects of other contexts, and of any on Node 16 and 18.
 *
 * It knows the DevTools protocol. It opens no port: the session is inside the process and closed after use.
 */

const { optional } = require('./saved.js');

const GROUP = 'heapwhy';

/** Thrown where there is no inspector. */
class NoInspector extends Error {}

/** Opens a session, which somebody must close. */
function open() {
  const inspector = optional('inspector');
  if (!inspector || !inspector.Session) throw new NoInspector('this Node.js has no inspector');
  const session = new inspector.Session();
  try {
    session.connect();
  } catch (error) {
    throw new NoInspector(`the inspector is not allowed here (${error.code || error.message})`);
  }
  return session;
}

/** Runs `work` with a session, which is closed whatever happens. */
async function withSession(work) {
  const session = open();
  try {
    return await work(session);
  } finally {
    session.disconnect();
  }
}

/**
 * Asks. Answers of a session inside the process come before `post` returns, but those of the heap profiler do not: on Node 22 and later a
 * snapshot, on all lines a collection.
 */
function ask(session, method, parameters) {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, answer) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(answer)));
  });
}

/** The ids of all contexts. Enabling reports them; it is disabled at once, since what is enabled keeps messages of the console. */
async function contextIds(session) {
  const ids = [];
  const note = ({ params }) => ids.push(params.context.id);
  session.on('Runtime.executionContextCreated', note);
  await ask(session, 'Runtime.enable');
  await ask(session, 'Runtime.disable');
  session.removeListener('Runtime.executionContextCreated', note);
  return ids;
}

/** The id of the context whose global object this is; null where the inspector does not know it. */
async function contextOf(session, global) {
  const key = `heapwhy:${Math.random()}`;
  Object.defineProperty(global, key, { value: true, configurable: true, enumerable: false });
  try {
    for (const contextId of await contextIds(session)) {
      const expression = `Object.prototype.hasOwnProperty.call(globalThis, ${JSON.stringify(key)})`;
      const { result } = await ask(session, 'Runtime.evaluate', { expression, contextId, returnByValue: true });
      if (result.value === true) return contextId;
    }
    return null;
  } finally {
    delete global[key];
  }
}

/** How many objects of a context have the prototype that `expression` evaluates to in theirs. Collects garbage thoroughly before. */
async function count(session, contextId, expression) {
  try {
    const prototype = await ask(session, 'Runtime.evaluate', { expression, contextId, objectGroup: GROUP });
    const { objectId } = prototype.result;
    if (!objectId) throw new Error(`${expression} is no object`);
    const found = await ask(session, 'Runtime.queryObjects', { prototypeObjectId: objectId, objectGroup: GROUP });
    const functionDeclaration = 'function () { return this.length }';
    const length = await ask(session, 'Runtime.callFunctionOn', { objectId: found.objects.objectId, functionDeclaration, returnByValue: true });
    return length.result.value;
  } finally {
    // The array of all that was found would otherwise live on, and be measured.
    await ask(session, 'Runtime.releaseObjectGroup', { objectGroup: GROUP });
  }
}

/** Forgets what the console keeps of logged objects while any session is open, ours or a debugger's (all versions). */
function discardConsole(session) {
  return ask(session, 'Runtime.discardConsoleEntries');
}

/** Whether somebody else has the inspector open. */
function isOpenElsewhere() {
  const inspector = optional('inspector');
  return Boolean(inspector && inspector.url && inspector.url());
}

module.exports = { open, withSession, ask, contextOf, count, discardConsole, isOpenElsewhere, NoInspector };
