// The source of minified.js: what source maps must tell. Made by
//   esbuild minified.ts --minify --sourcemap=inline --sources-content --format=cjs --platform=node --target=es2020 --outfile=minified.js
// usage: node minified.js OUT_PREFIX
import * as v8 from 'v8';

class AuditEntry {
  at: number[] = [];
  constructor(public readonly kind: string) {}
}

class Sink<T> {
  entries: T[] = [];
}

class AuditLog extends Sink<AuditEntry> {
  write(kind: string): void {
    this.entries.push(new AuditEntry(kind));
  }
}

function LegacyRecord(this: { kind: string }, kind: string): void {
  this.kind = kind;
}

const auditLog = new AuditLog();
const legacyRecords: unknown[] = [];
for (let i = 0; i < 500; i++) {
  auditLog.write('order ' + i);
  legacyRecords.push(new (LegacyRecord as any)('record ' + i));
}
setTimeout(() => {
  v8.writeHeapSnapshot(`${process.argv[2]}.heapsnapshot`);
  process.exit(auditLog.entries.length + legacyRecords.length > 0 ? 0 : 1);
}, 50);
