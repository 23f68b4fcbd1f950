/** Leak tests that never cry wolf. Every check has one of three answers: leak, no leak, cannot tell. */

/** What is measured, after all garbage was collected. `native` is memory besides V8 and its buffers; not judged in worker threads. */
export type Signal = 'objects' | 'heap' | 'external' | 'globalHandles' | 'contexts' | 'handles' | 'native';

export type Verdict = 'leak' | 'no leak' | 'cannot tell';

/** Milliseconds, or a text like `'5s'`, `'300ms'`, `'2m'`. */
export type Time = number | string;

export interface Options {
  /** How many entries caches may keep; they are filled first. Bounds of some hundreds need not be told. */
  maxRetained?: number;
  /** Processor time of the whole check (60 s). When it is used up: cannot tell. */
  budget?: Time;
  /** Time of the whole check (5 min). */
  timeout?: Time;
  /** How long one call may take to settle (10 s). */
  callTimeout?: Time;
  /** Which signals are judged; all. */
  signals?: Signal[];
  /** How many bytes may come to be held while a leak is made sure of (201,326,592). */
  memory?: number;
  /** Whether a leak is explained: by the program `heapwhy`, not at all, or by snapshots for you to read (with `keepSnapshots`). */
  explain?: 'auto' | 'never' | 'snapshots';
  /** A folder in which the two heap snapshots of a leak stay. They hold whatever the process holds. */
  keepSnapshots?: string | null;
  /** Judge the function with a planted leak first, which must be found. */
  selfCheck?: boolean;
}

/** A signal that grew with every call. */
export interface Growth {
  signal: Signal;
  unit: string;
  perCall: number;
  rises: { calls: number; by: number }[];
}

/** Why memory is held. `lacking` says why that is not known. */
export interface Reason {
  lacking?: string;
  lines?: string[];
  findings?: object[];
  calls?: number;
  snapshots?: string[];
}

export interface Result {
  verdict: Verdict;
  why: string;
  calls: number;
  grew: Growth[];
  /** The smallest growth a call that would not have passed unseen, by signal. */
  sees: Partial<Record<Signal, number>>;
  /** How objects were counted. */
  counted?: string;
  lacking?: string;
  reason?: Reason | null;
  /** What was measured, step by step; say it where you think that a verdict is wrong. */
  steps: object[];
  /** What made it impossible to tell. */
  cause?: unknown;
  /** Milliseconds of processor time and of time. */
  cpu: number;
  wall: number;
}

/** What is called: one operation. It gets the number of the call. */
export type Operation = (call: number) => unknown;

/** Rejects with `LeakError` where `fn` leaks, and with `CannotTellError` where that cannot be told. */
export function expectNoGrowth(fn: Operation, options?: Options): Promise<Result>;

/** The same, as a result; rejects only where it was called wrongly. */
export function measureGrowth(fn: Operation, options?: Options): Promise<Result>;

/** Rejects where objects of `factory` are not collected: those of `Class`, or those that it returns. */
export function expectCollectable(factory: Operation, Class: Function, options?: Options): Promise<Result>;
export function expectCollectable(factory: (call: number) => object | Promise<object>, options?: Options): Promise<Result>;

/** Rejects where one object is not collected. Let go of it: `const done = expectCollected(object); object = null; await done`. */
export function expectCollected(object: object, options?: Pick<Options, 'explain' | 'keepSnapshots'>): Promise<void>;

/** Registers a test that passes where `fn` does not leak, with the runner that is there, or with its `test`. */
export function leakTest(name: string, fn: Operation, options?: Options & { test?: (name: string, body: () => Promise<void>) => unknown }): unknown;

/** Plants a leak, beside `fn` if given, and rejects where it is not found. */
export function selfCheck(fn?: Operation, options?: Options): Promise<Result>;

/** How many live objects have the prototype of `constructor` in theirs, or a text of each. In any context, on every version. */
export function queryObjects(constructor: Function, options?: { format: 'count' }): number;
export function queryObjects(constructor: Function, options: { format: 'summary' }): string[];

/** `checkIfCollectable` of Node.js's own tests: one finalized object proves that all can be. */
export function checkIfCollectable(fn: () => object | Promise<object>, maxCount?: number, generateSnapshotAt?: number): Promise<void>;

/** `checkIfCollectableByCounting` of Node.js's own tests: `fn` makes objects of `klass` and returns how many. Resolves to how many were collected. */
export function checkIfCollectableByCounting(fn: (call: number) => number | Promise<number>, klass: Function, count: number, waitTime?: number): Promise<number>;

/** How garbage collection is reached in this process. */
export function gcReachedBy(): string;

export class LeakError extends Error {
  readonly code: 'HEAPWHY_LEAK';
  readonly result: Result;
}

export class CannotTellError extends Error {
  readonly code: 'HEAPWHY_CANNOT_TELL';
  readonly result?: Result;
}
