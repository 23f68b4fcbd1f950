'use strict';
/**
 * The answer of `heapwhy A B --json` as lines: what grew with the calls, and the path that holds it.
 *
 * It knows the schema of that answer, and reads it with care: every field may be missing.
 */

const { count, plain, size } = require('./numbers.js');

const MOST_FINDINGS = 3;
/** What grew less than this with the calls has another reason than the function. */
const LEAST_RATE = 0.02;

/** `{lines, findings, calls}` of what was found in snapshots with so many calls between them. */
function of(report, calls) {
  const findings = (report.findings || []).filter((finding) => follows(finding, calls)).slice(0, MOST_FINDINGS);
  if (findings.length > 0) return { lines: findings.flatMap((finding) => told(finding, calls)).map(plain), findings, calls };
  const classes = (report.growth || []).filter((row) => follows(row, calls)).slice(0, MOST_FINDINGS);
  if (classes.length > 0) return { lines: classes.map((row) => plain(aboutClass(row, calls))), findings: [], classes, calls };
  return { lacking: 'two heap snapshots show nothing that grows with the calls: what leaks lies outside of the objects that V8 knows' };
}

/** How much came, in objects; where their number stays, in bytes. */
function risen({ growth }) {
  const rise = (all) => (all && all.length > 1 ? all[all.length - 1] - all[0] : 0);
  return growth ? { counts: rise(growth.counts), bytes: rise(growth.bytes) } : { counts: 0, bytes: 0 };
}

function follows(found, calls) {
  const { counts, bytes } = risen(found);
  return counts > LEAST_RATE * calls || bytes > 8 * calls;
}

function told(finding, calls) {
  const where = (finding.path || []).flatMap(hop);
  const advice = finding.advice ? [`  fix: ${finding.advice}`] : [];
  return [`why: ${finding.title}, ${rate(finding, calls)}`, ...where, ...advice];
}

/** "1 for every call (1,100 of 1,100 calls)". */
function rate(found, calls) {
  const { counts, bytes } = risen(found);
  if (counts <= LEAST_RATE * calls) return `larger by ${size(bytes)} after ${count(calls)} calls`;
  const whole = Math.round(counts / calls);
  const each = whole > 0 && Math.abs(counts - whole * calls) <= 0.06 * whole * calls;
  return each ? `${whole} for every call (+${count(counts)} in ${count(calls)} calls)` : `+${count(counts)} in ${count(calls)} calls`;
}

function hop(step) {
  const at = step.location && step.location.file ? `  ${step.location.file}:${step.location.line}:${step.location.column}` : '';
  if (step.node !== undefined) return [`  ${step.node}${at}`];
  const times = step.times > 1 ? ` × ${count(step.times)}` : '';
  const edge = `    ${step.edge}${times}${at}`;
  if (!step.suspect) return [edge];
  const frees = step.frees ? `: frees ${size(step.frees)}` : '';
  return [edge, `    ${'~'.repeat(Math.max(2, String(step.edge).length))} cut here${frees}`];
}

function aboutClass(row, calls) {
  const held = row.held_by ? `, held by ${row.held_by}` : '';
  const at = row.location ? ` ${row.location.file}:${row.location.line}` : '';
  return `why: ${row.class}, ${rate(row, calls)}${held}${at}`;
}

module.exports = { of };
