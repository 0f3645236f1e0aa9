/** `net.exe user NAME [PASSWORD] [/add | /delete]` in the stand-in's guests. */
import { hasAccount, removeAccount, setAccount } from './accounts.ts';
import { leaveExitCode } from './exit-code.ts';
import { GUEST_ROOT } from './paths.ts';

const root = process.env[GUEST_ROOT]!;
const [topic, ...rest] = process.argv.slice(2);
const switches = rest.filter((word) => word.startsWith('/')).map((word) => word.toLowerCase());
const [name, password, ...more] = rest.filter((word) => !word.startsWith('/'));
const [action = 'set'] = switches;
const isKnown = topic === 'user' && name !== undefined && more.length === 0 && switches.length <= 1;
if (!isKnown || !['set', '/add', '/delete'].includes(action) || (action === 'set' && password === undefined))
  throw new Error('the stand-in knows net user NAME PASSWORD, NAME PASSWORD /add and NAME /delete only');

/** As net.exe says it: system error numbers of lmerr.h, and always exit code 2. */
function fail(message: string): void {
  process.stderr.write(`${message}\r\n`);
  leaveExitCode(2);
}

if (action === '/add' && hasAccount(root, name)) fail('The account already exists.');
else if (action !== '/add' && !hasAccount(root, name)) fail('The user name could not be found.');
else {
  if (action === '/delete') removeAccount(root, name);
  else setAccount(root, name, password ?? '');
  process.stdout.write('The command completed successfully.\r\n');
}
