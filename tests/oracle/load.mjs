// Loads a heap snapshot with DevTools' engine as DevTools does: one thread reads, a second one builds retainers and dominators.
import { createReadStream } from 'node:fs';
import { MessageChannel, Worker, isMainThread, workerData } from 'node:worker_threads';

const CHUNK = 10 << 20;

const engine = await import(isMainThread ? (process.env.DEVTOOLS_ENGINE ?? 'DEVTOOLS_ENGINE is not set') : workerData.engine);
if (!isMainThread) new engine.HeapSnapshot.SecondaryInitManager(workerData.port);

/** Reads `path` and returns the engine's `JSHeapSnapshot`; `lap(name)` is called after each step. */
export async function load(path, lap = () => {}) {
  const loader = new engine.HeapSnapshotLoader.HeapSnapshotLoader({ sendEvent() {} });
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: CHUNK })) loader.write(chunk);
  loader.close();
  await loader.parsingComplete;
  lap('parse');
  const { port1, port2 } = new MessageChannel();
  const workerOptions = { workerData: { port: port2, engine: process.env.DEVTOOLS_ENGINE }, transferList: [port2] };
  const worker = new Worker(new URL(import.meta.url), { ...workerOptions, resourceLimits: { maxOldGenerationSizeMb: 12000 } });
  const failed = new Promise((_, reject) => worker.once('error', reject));
  const snapshot = await Promise.race([loader.buildSnapshot(port1), failed]);
  lap('init');
  await worker.terminate();
  return snapshot;
}
