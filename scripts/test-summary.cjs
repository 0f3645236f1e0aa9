/*
 * Prints `N passed, N failed` (and `, N skipped`) from vitest's JSON report, and fails when anything did.
 * Plain old syntax: it must run even where nothing could be installed.
 *
 *   node test-summary.cjs REPORT FAILED_CHECKS
 */
'use strict';

const { readFileSync } = require('node:fs');

const [reportFile, checks] = process.argv.slice(2);
let failedChecks = Number(checks);
let report = {};
try {
  report = JSON.parse(readFileSync(reportFile, 'utf8'));
} catch {
  // No report: the tests did not run, and that check has failed.
}
const passed = report.numPassedTests || 0;
const failedTests = report.numFailedTests || 0;
const skipped = (report.numPendingTests || 0) + (report.numTodoTests || 0);
// Failed tests are counted one by one; the check that ran them is no failure of its own.
if (failedTests > 0 && failedChecks > 0) failedChecks -= 1;
// That nothing passed is a failure, too, whatever the checks said.
const failed = failedTests + failedChecks || (passed === 0 ? 1 : 0);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;
