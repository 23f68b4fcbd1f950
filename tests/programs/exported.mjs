// What a module exports: V8 keeps each such variable in a cell of its own, which no context has. Loaded by stories.js.
class Exported {}
class ExportedAsOther {}
class ExportedByDefault {}
export const registry = new Map([['first', new Exported()]]);
const inner = [new ExportedAsOther()];
export { inner as other };
export default { held: new ExportedByDefault() };
