// Must pass `tsc --strict`: the types as a user sees them.
import { expectNoGrowth, expectCollectable, expectCollected, leakTest, queryObjects, selfCheck, LeakError, type Result } from 'heapwhy';

class Session {
  id = 0;
}

const result: Result = await expectNoGrowth(async (call: number) => void call, { budget: '5s', signals: ['objects', 'heap'], maxRetained: 500 });
const verdict: 'leak' | 'no leak' | 'cannot tell' = result.verdict;
await expectCollectable(() => new Session(), Session);
await expectCollectable(() => new Session(), { explain: 'never' });
await expectCollected(new Session());
leakTest('a name', () => verdict, { callTimeout: 5 });
const counted: number = queryObjects(Session);
const texts: string[] = queryObjects(Session, { format: 'summary' });
await selfCheck().catch((error: unknown) => error instanceof LeakError && error.result.calls);
// @ts-expect-error: a misspelt option
await expectNoGrowth(() => {}, { maxRetaind: 5 });
export { counted, texts };
