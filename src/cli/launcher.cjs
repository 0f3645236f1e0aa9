#!/usr/bin/env node
/*
 * What `bin: hyperfile` starts. Written in the syntax that every Node understands, so that an old one gets an answer
 * instead of a syntax error; everything else is in main.cjs beside it.
 */
'use strict';

var NEEDED_MAJOR = 22;
var NEEDED_MINOR = 19;
var HOST_LACKS_SOMETHING = 5;

var found = process.versions.node.split('.').map(Number);
if (found[0] > NEEDED_MAJOR || (found[0] === NEEDED_MAJOR && found[1] >= NEEDED_MINOR)) {
  useCompileCache();
  require('./main.cjs');
} else {
  process.stderr.write(
    'hyperfile: error: Node ' +
      NEEDED_MAJOR +
      '.' +
      NEEDED_MINOR +
      ' or newer is needed, and this is ' +
      process.versions.node +
      '\n' +
      '  hint:  get it from https://nodejs.org/en/download, with a version manager (nvm install 24),\n' +
      '         or for one command: npx -p node@24 -p hyperfile hyperfile ...\n',
  );
  process.exitCode = HOST_LACKS_SOMETHING;
}

/*
 * Compiled code is kept in the user's own cache: a shared folder such as /tmp could be filled by somebody else. Windows has
 * no such folder but that of temporary files; beside it, %LOCALAPPDATA%\Hyperfile is the store, and holds nothing else.
 */
function useCompileCache() {
  var env = process.env;
  var local = process.platform === 'win32' && env.LOCALAPPDATA && env.LOCALAPPDATA + '/Temp';
  var base = env.XDG_CACHE_HOME || local || (env.HOME && env.HOME + '/.cache');
  try {
    if (env.NODE_COMPILE_CACHE) require('node:module').enableCompileCache();
    else if (base) require('node:module').enableCompileCache(base + '/hyperfile/compile-cache');
  } catch (_) {
    /* Only slower without it. */
  }
}
