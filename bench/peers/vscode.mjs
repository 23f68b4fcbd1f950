// @vscode/v8-heap-parser (Rust in WebAssembly), from the file to the 20 classes that retain most.
// usage: node vscode.mjs FILE
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { decode_bytes, init_panic_hook } = createRequire(`${process.env.PEERS}/package.json`)('@vscode/v8-heap-parser');
init_panic_hook();
let graph;
try {
  graph = decode_bytes(readFileSync(process.argv[2]));
} catch (error) {
  console.error(`error: ${error}`); // it throws texts
  process.exit(1);
}
console.log(JSON.stringify({ top: graph.get_class_groups(0, 20, false).map(group => group.name()) }));
process.exit(0);
