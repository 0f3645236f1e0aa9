/*
 * Starts system-packages.sh beside it where there is a shell for it. Windows has neither the shell nor the packages: there
 * the tests skip by name what they miss. Plain old syntax: npm runs it with any Node.
 */
'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');

if (process.platform !== 'win32') {
  const script = path.join(__dirname, 'system-packages.sh');
  const { status } = spawnSync('sh', [script, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status === null ? 1 : status;
}
