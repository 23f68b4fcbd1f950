// A module of the known program: variables that it exports, and one that only its functions see.
export let exported = 'of-the-module';
const hidden = { inModule: 1 };
let count = 4217;
export class ModuleThing { constructor(i) { this.mi = i; } }
export const things = Array.from({ length: 40 }, (_, i) => new ModuleThing(i));
export function peek() { return [hidden, count++, exported]; }
