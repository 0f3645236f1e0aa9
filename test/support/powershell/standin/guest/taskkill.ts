/** `taskkill.exe /PID n /T /F` in the stand-in's guests. */
import { endProcessTree } from '../../../../../src/base/process-tree.ts';

const words = process.argv.slice(2).map((word) => word.toUpperCase());
const at = words.indexOf('/PID');
if (at < 0 || !words.includes('/T') || !words.includes('/F'))
  throw new Error('the stand-in knows taskkill.exe /PID NUMBER /T /F only');
await endProcessTree(Number(words[at + 1]));
