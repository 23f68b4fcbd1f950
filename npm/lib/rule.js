'use strict';
/**
 * The rule: what to do next, and the verdict. Numbers in, an answer out.
 *
 * It knows signals, floors and epochs. It knows no clock, no heap and no process, so that another implementation can be held to the same
 * answers (`vectors/`). A history is a list of steps that were made, each `{kind, calls, cpu, wall, sampling, sample}`: how many calls it made,
 * what they took (ms of processor time, ms), the sample after it (null where none was taken), and what that took (ms of processor time).
 */

const KB = 1024;
const MB = 1024 * KB;

/**
 * What is measured. A signal grew in an epoch where it rose by more than `perCall` a call, and more than `least` (`last` in the epoch
 * that decides, of counts, or confirms, of bytes). It is kept up where its rate is more than `keep` of the highest before.
 *
 * Counts are exact: with nothing leaking they do not move at all. Bytes move by up to 35 KB an epoch with nothing leaking (feedback
 * vectors, machine code, tables), and by 425 KB while undici warms up (Node 26); that is what their floors are.
 */
const SIGNALS = [
  { name: 'objects', unit: 'objects', perCall: 0.02, least: 1, last: 2, keep: 0.3, exact: true },
  { name: 'heap', unit: 'bytes', perCall: 24, least: 32 * KB, last: 256 * KB, keep: 0.2, exact: false },
  { name: 'external', unit: 'bytes', perCall: 16, least: 2 * KB, last: 4 * KB, keep: 0.2, exact: false },
  { name: 'globalHandles', unit: 'bytes', perCall: 1, least: 256, last: 512, keep: 0.3, exact: true },
  { name: 'contexts', unit: 'contexts', perCall: 0.02, least: 1, last: 2, keep: 0.3, exact: true },
  { name: 'handles', unit: 'handles', perCall: 0.02, least: 1, last: 2, keep: 0.3, exact: true },
  { name: 'native', unit: 'bytes', perCall: KB, least: 1.5 * MB, last: 1.5 * MB, keep: 0.2, exact: false },
];

/** Without these nothing is known of what JavaScript holds: the verdict is at best "cannot tell". */
const NEEDED = ['objects', 'heap'];

const DEFAULTS = {
  /** Calls that belong to the warm-up; a cache may fill in them. */
  maxRetained: 0,
  /** Processor time of the whole check, ms; looks at a large heap take most of it. */
  budget: 60000,
  /** Time of the whole check, ms. On a machine that does much else it passes ten times as fast as processor time. */
  timeout: 300000,
  /** How much memory may come to be held while a leak is made sure of. */
  memory: 192 * MB,
  /** Signals that are judged; null for all. */
  signals: null,
};

const WARM_UP = 8;
/** Calls between two samples: as many as take so long, ms of processor time and ms. */
const BATCH = { cpu: 40, wall: 1000, least: 2, most: 64 };
const LONG = { cpu: 60, wall: 2000, most: 2048 };
/** What the calls of an epoch may take where something grows that is counted exactly, ms of processor time. */
const EPOCH = 300;
/** The same of bytes, which are looked at for longer. */
const EPOCH_BYTES = 4000;
/** What the calls of the last epoch may take: the price of telling a leak from a large cache. */
const FINAL = { cpu: 500, wall: 20000 };
const FINAL_BYTES = { cpu: 1500, wall: 30000 };
/** Caches hold as many as this: where there were fewer calls, the last epoch has so many. */
const MANY = 4096;
/** How long releases may lag behind: time limits of caches, finalizers. Looked at only where a leak is indicated; ms. */
const LOOKS = { first: 300, last: 700, most: 4000 };

/**
 * Says what to do next: `{step: 'run', kind, calls, sample, collect}` (`collect`: garbage is collected after so many calls; 0: only by the
 * sample), `{step: 'wait', kind, ms}` or `{step: 'verdict', verdict, why, …}`.
 */
function next(history, settings) {
  const options = { ...DEFAULTS, ...settings };
  const last = history[history.length - 1];
  const spent = { calls: sum(history, 'calls'), cpu: sum(history, 'cpu') + sum(history, 'sampling'), wall: sum(history, 'wall') };
  const step = STEPS[last ? last.kind : 'start'](history, options, spent);
  if (step.step === 'verdict') return step;
  const lacking = lack(options, spent);
  return lacking ? cannotTell(lacking, history, options) : step;
}

/** What each step leads to. */
const STEPS = {
  start: () => run('warm-up', WARM_UP, false),
  'warm-up': (history, options, spent) => {
    if (spent.calls < options.maxRetained) return run('warm-up', options.maxRetained - spent.calls, false);
    return run('base', batch(history, options), true);
  },
  base: (history, options) => run('screen', batch(history, options), true),
  screen: (history, options, spent) => {
    const counted = grown(history, history.length - 1, options).some((signal) => signal.exact);
    return counted ? run('E1', limited(history, options, spent.calls), true) : run('long', long(history, options), true);
  },
  long: (history, options, spent) => {
    if (grown(history, history.length - 1, options).length === 0) return noLeak('nothing grew', history, options);
    return run('E1', limited(history, options, spent.calls), true);
  },
  E1: (history, options, spent) => epoch(history, options, spent, 'E2'),
  E2: (history, options, spent) => epoch(history, options, spent, 'E3'),
  E3: (history, options) => (sustained(history, options).length > 0 ? wait('look', LOOKS.first) : stopped(history, options)),
  look: (history, options, spent) => looked(history, options, spent),
  E4: (history, options) => confirmed(history, options),
  'last look': (history, options) => lookedLast(history, options),
};

/** One more epoch, as long as all before together, while anything still grows. */
function epoch(history, options, spent, kind) {
  if (sustained(history, options).length === 0) return stopped(history, options);
  return run(kind, limited(history, options, spent.calls), true, collectEvery(history, options));
}

/**
 * Between how many calls garbage has to be collected, 0 for nowhere. What grows with the garbage that piles up, and not with the calls, would
 * grow in every epoch that is longer than the one before: the table of a WeakMap keeps the room of the most entries that it ever had. With
 * collections as far apart as in E1 it has that room after E1. Counts of objects know no such thing.
 */
function collectEvery(history, options) {
  if (sustained(history, options).some((signal) => signal.exact)) return 0;
  return history.filter((step) => step.kind === 'E1').pop().calls;
}

/**
 * What grew has stopped. Something slower may have grown beside it, too little to show in few calls: where there was no long step yet, one
 * follows.
 */
function stopped(history, options) {
  const longest = Math.max(...history.map((step) => (step.sample ? step.calls : 0)));
  return longest * 2 >= long(history, options) ? noLeak('growth stopped', history, options) : run('long', long(history, options), true);
}

/**
 * After the first look: a leak is still indicated, or what had come was released. The epoch that follows tells a leak from a large cache.
 * Where bytes are the only evidence it doubles the calls once more: a container that doubles its room need not grow in less.
 */
function looked(history, options, spent) {
  const left = sustained(history, options);
  if (left.length === 0) return noLeak('what had grown was released', history, options);
  const more = releasing(history, options);
  if (more) return more;
  const counted = left.some((signal) => signal.exact);
  const wanted = counted ? Math.max(MANY, spent.calls / 2) : spent.calls;
  const calls = final(history, options, wanted, counted ? FINAL : FINAL_BYTES);
  // A function that is slow or takes much memory had few calls, and gets no more: what was seen has to do.
  return calls * 4 < spent.calls ? decided(history, options) : run('E4', calls, true, collectEvery(history, options));
}

/** The verdict where no further epoch is made: bytes that rose by less than noise may are no evidence, but not green either. */
function decided(history, options) {
  const sure = sustained(history, options).some((signal) => signal.exact || rise(history, epochs(history).pop(), signal) > signal.last);
  return sure ? leak(history, options) : cannotTell(TOO_LITTLE, history, options);
}

/** After the epoch that confirms. */
function confirmed(history, options) {
  if (sustained(history, options).length > 0) return wait('last look', LOOKS.last);
  return sustained(history, options, 'hints').length > 0 ? cannotTell(TOO_LITTLE, history, options, 'hints') : stopped(history, options);
}

const TOO_LITTLE = 'it grew in every epoch, by too little to tell from noise in as many calls as the budget allows';

function lookedLast(history, options) {
  if (sustained(history, options).length === 0) return noLeak('what had grown was released', history, options);
  return releasing(history, options) || leak(history, options);
}

/** While a look shows less than the one before, more is looked: something is being released. */
function releasing(history, options) {
  const at = history.length - 1;
  const { kind, wall } = history[at];
  const signals = sustained(history, options);
  const falls = signals.every((signal) => {
    const [before, now, start] = [at - 1, at, beforeEpoch(history, at)].map((index) => history[index].sample[signal.name]);
    return before - now > 0.1 * (before - start);
  });
  return falls && wall < LOOKS.most ? wait(kind, Math.min(LOOKS.most, Math.max(wall, LOOKS.first) * 2)) : null;
}

// Which signals grew ---------------------------------------------------------------------------------------------------------------------

/** The epochs that are judged: E1 and on, of the last time that something was indicated. Looks count as the end of the epoch before them. */
function epochs(history) {
  const found = [];
  history.forEach((step, index) => {
    if (step.kind === 'long') found.length = 0;
    else if (/^E\d$/.test(step.kind)) found.push({ start: sampledBefore(history, index), end: index, calls: step.calls });
    else if (/look$/.test(step.kind) && found.length > 0) found[found.length - 1].end = index;
  });
  return found;
}

/** What an epoch is for, in the order of epochs: the first two show, the third decides, what comes then confirms or only hints. */
const ROLES = ['shows', 'shows', 'decides'];

/** The signals that grew in every epoch so far, at a rate that does not die down; `last` is the role of the fourth and on. */
function sustained(history, options, last = 'confirms') {
  const all = epochs(history);
  return judged(options).filter((signal) => {
    const rates = all.map((one) => rateOf(history, one, signal));
    const highest = Math.max(...rates);
    return all.every((one, index) => {
      const role = ROLES[index] || last;
      const enough = rise(history, one, signal) > floor(signal, one.calls, role);
      return enough && rates[index] > keptUp(signal, role) * highest;
    });
  });
}

/** What grows, as far as was seen. */
function indicated(history, options) {
  return epochs(history).length > 0 ? sustained(history, options) : grown(history, history.length - 1, options);
}

/** The signals that grew in a step, against the sample before it. */
function grown(history, at, options) {
  const one = { start: sampledBefore(history, at), end: at, calls: history[at].calls };
  return judged(options).filter((signal) => rise(history, one, signal) > floor(signal, one.calls, 'shows'));
}

function judged(options) {
  return options.signals ? SIGNALS.filter((signal) => options.signals.includes(signal.name)) : SIGNALS;
}

function floor(signal, calls, role) {
  const [decides, confirms] = signal.exact ? [signal.last, signal.last / 2] : [signal.least, signal.last];
  const least = { shows: signal.least, hints: signal.least, decides, confirms }[role];
  return Math.max(signal.perCall * calls, least);
}

/**
 * The share of the highest rate that an epoch must keep up. A container that grows by half has, at worst, a quarter of the rate in an epoch
 * that doubles the calls; what only has a highest level that rises ever more slowly has an eighth in the fourth.
 */
function keptUp(signal, role) {
  const confirms = signal.exact ? 0.3 : 0.2;
  return { shows: 0, decides: signal.keep, confirms, hints: confirms }[role];
}

/** How much a signal rose from one sample to another; NaN where it is not known, which is more than no floor. */
function rise(history, { start, end }, signal) {
  const [from, to] = [start, end].map((index) => history[index].sample[signal.name]);
  return typeof from === 'number' && typeof to === 'number' ? to - from : NaN;
}

function rateOf(history, one, signal) {
  const risen = rise(history, one, signal);
  return Number.isNaN(risen) ? 0 : risen / Math.max(1, one.calls);
}

function sampledBefore(history, at) {
  for (let index = at - 1; index >= 0; index--) if (history[index].sample) return index;
  return at;
}

/** The sample before the epoch that a look belongs to. */
function beforeEpoch(history, at) {
  const one = epochs(history).find(({ start, end }) => start < at && at <= end);
  return one ? one.start : sampledBefore(history, at);
}

// How many calls ---------------------------------------------------------------------------------------------------------------------------

/** What a call takes, by the last step that made some: calls of a leaking function may become slower. */
function price(history) {
  const steps = history.filter((step) => step.calls > 0);
  const step = steps[steps.length - 1];
  return { cpu: step.cpu / step.calls, wall: step.wall / step.calls };
}

function fitting(history, limits) {
  const { cpu, wall } = price(history);
  return Math.floor(Math.min(cpu > 0 ? limits.cpu / cpu : Infinity, wall > 0 ? limits.wall / wall : Infinity));
}

/** Calls between two samples. `bytes` of a step, where told, is what the process's memory rose by: leaks of megabytes a call need few. */
function batch(history, options) {
  const warm = history.filter((step) => step.bytes > 0);
  const heaviest = Math.max(0, ...warm.map((step) => step.bytes / step.calls));
  const room = heaviest > 0 ? options.memory / 4 / heaviest : Infinity;
  return clamp(Math.floor(Math.min(fitting(history, BATCH), room)), BATCH.least, BATCH.most);
}

function long(history, options) {
  return clamp(Math.min(fitting(history, LONG), inMemory(history, options)), batch(history, options), LONG.most);
}

/** As many calls as wanted, fewer where they would take too much memory or too much of what is left. */
function limited(history, options, wanted) {
  // Containers grow by doubling, so bytes have to be looked at over ever longer epochs. Counts are as sure over short ones.
  const most = indicated(history, options).some((signal) => signal.exact) ? EPOCH : EPOCH_BYTES;
  const left = { cpu: Math.min(most, (options.budget - sum(history, 'cpu')) / 3), wall: (options.timeout - sum(history, 'wall')) / 3 };
  const least = Math.min(wanted, history.find((step) => step.kind === 'screen').calls * 2);
  return clamp(Math.min(fitting(history, left), inMemory(history, options)), least, wanted);
}

function final(history, options, wanted, limits) {
  return clamp(Math.min(fitting(history, limits), inMemory(history, options)), 0, Math.floor(wanted));
}

/** How many calls may still be made before more memory is held than is allowed, as it grew in the last epoch. */
function inMemory(history, options) {
  // Counts need no large heaps, and looking at a large heap takes long.
  const memory = indicated(history, options).some((signal) => signal.exact) ? options.memory / 4 : options.memory;
  const at = history.length - 1;
  const one = epochs(history).pop() || { start: sampledBefore(history, at), end: at, calls: history[at].calls };
  const first = history.findIndex((step) => step.sample);
  const [rate, held] = [one, { start: first, end: one.end }].map((span) => heldBytes(history, span));
  const perCall = rate / Math.max(1, one.calls);
  return perCall > 0 ? Math.floor(Math.max(0, memory - held) / perCall) : Infinity;
}

function heldBytes(history, span) {
  const bytes = ['heap', 'external', 'native'].map((name) => rise(history, span, { name }));
  return bytes.reduce((all, one) => all + (one > 0 ? one : 0), 0);
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

function sum(history, field) {
  return history.reduce((all, step) => all + (step[field] || 0), 0);
}

// Answers ----------------------------------------------------------------------------------------------------------------------------------

function run(kind, calls, sample, collect = 0) {
  return { step: 'run', kind, calls, sample, collect };
}

function wait(kind, ms) {
  return { step: 'wait', kind, ms };
}

/** What is missing to go on; null where nothing is. */
function lack(options, spent) {
  if (spent.cpu > options.budget) return `the budget of ${options.budget} ms of processor time was used up`;
  if (spent.wall > options.timeout) return `the time limit of ${options.timeout} ms was used up`;
  return null;
}

function noLeak(why, history, options) {
  const sample = history[history.length - 1].sample;
  const blind = NEEDED.filter((name) => judged(options).some((signal) => signal.name === name) && typeof sample[name] !== 'number');
  if (blind.length > 0) return cannotTell(`${blind.join(' and ')} cannot be seen here`, history, options);
  return { step: 'verdict', verdict: 'no leak', why, ...evidence(history, options, []) };
}

function leak(history, options) {
  const signals = sustained(history, options);
  return { step: 'verdict', verdict: 'leak', why: 'grew with every call', ...evidence(history, options, signals) };
}

function cannotTell(why, history, options, last) {
  const signals = epochs(history).length > 0 ? sustained(history, options, last) : [];
  return { step: 'verdict', verdict: 'cannot tell', why, ...evidence(history, options, signals) };
}

/** What the verdict rests on: calls, what each signal that grew did, and the smallest rates that would have been seen. */
function evidence(history, options, signals) {
  const all = epochs(history);
  const grew = signals.map((signal) => ({
    signal: signal.name,
    unit: signal.unit,
    perCall: rateOf(history, all[all.length - 1], signal),
    rises: all.map((one) => ({ calls: one.calls, by: rise(history, one, signal) })),
  }));
  return { calls: sum(history, 'calls'), grew, sees: sees(history, options) };
}

/**
 * The smallest growth a call that would not have passed unseen: it must show in the longest step before the epochs, and in the epoch that
 * confirms, which has at best eight times as many calls as were made before all epochs.
 */
function sees(history, options) {
  const first = history.findIndex((step) => step.kind === 'E1');
  const before = first < 0 ? history : history.slice(0, first);
  const longest = Math.max(1, ...before.map((step) => (step.sample && step.kind !== 'base' ? step.calls : 0)));
  const sample = history[history.length - 1].sample || {};
  const known = judged(options).filter((signal) => typeof sample[signal.name] === 'number');
  const least = (signal) => Math.max(floor(signal, longest, 'shows') / longest, signal.last / Math.max(1, 8 * sum(before, 'calls')));
  return Object.fromEntries(known.map((signal) => [signal.name, least(signal)]));
}

module.exports = { next, SIGNALS, DEFAULTS };
