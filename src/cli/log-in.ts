/** What `hyperfile login` and `logout` do. */
import type { Console } from './console.ts';
import { withPlaces } from './places.ts';
import { Prompt } from './prompt.ts';
import { cleanText } from './render/output-lines.ts';
import { misused } from './usage-error.ts';
import type { LoginFlags } from './verbs/login.ts';

/** Nobody's token is longer. */
const MAX_PASSWORD_BYTES = 256 * 1024;
const USE_STDIN = 'Use --username and --password-stdin.';

/** @throws HyperfileError CLI_USAGE, INTERRUPTED, and those of the registry and of Docker's file */
export async function logIn(server: string | undefined, flags: LoginFlags, console: Console): Promise<void> {
  checkFlags(flags, console);
  const { username, password } = await credentials(flags, console);
  const { env } = console;
  const { host, keptBy, isToken } = await withPlaces(console, async ({ signal, warn }) => {
    const { login } = await import('../registry/credentials.ts');
    const insecure = flags.insecure && { insecure: true };
    return login(server, { env, username, password, signal, onNotice: warn, ...insecure });
  });
  if ('file' in keptBy) {
    console.err.write(
      `WARNING! The ${isToken ? 'token' : 'password'} is kept unencrypted in ${keptBy.file}.\n`,
    );
    console.err.write('A credential helper of Docker (credsStore in that file) would keep it safer.\n');
  }
  console.out.write(`Logged in to ${host} as ${cleanText(username)}\n`);
}

/** @throws HyperfileError REGISTRY_HOST_INVALID, and those of Docker's file */
export async function logOut(server: string | undefined, console: Console): Promise<void> {
  const { logout } = await import('../registry/credentials.ts');
  const { host, wasLoggedIn } = await logout(server, console.env);
  console.out.write(wasLoggedIn ? `Logged out of ${host}\n` : `Not logged in to ${host}\n`);
}

function checkFlags({ username, password, passwordStdin }: LoginFlags, console: Console): void {
  if (password !== undefined) {
    // It stands in the list of processes until then, for all users of the host to see.
    process.title = 'hyperfile login';
    console.err.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
  }
  const problem =
    password !== undefined && passwordStdin
      ? '--password and --password-stdin cannot go together'
      : passwordStdin && username === undefined
        ? '--password-stdin needs --username'
        : username === ''
          ? 'the user name is empty'
          : password === ''
            ? 'the password is empty'
            : undefined;
  if (problem !== undefined) throw misused('login', problem);
}

async function credentials(
  { username, password, passwordStdin }: LoginFlags,
  console: Console,
): Promise<{ username: string; password: string }> {
  if (passwordStdin) return { username: username!, password: await readPassword(console) };
  if (username !== undefined && password !== undefined) return { username, password };
  const prompt = new Prompt(console, USE_STDIN);
  try {
    const answers = {
      username: username ?? (await prompt.ask('Username: ')),
      password: password ?? (await prompt.askSecret('Password: ')),
    };
    for (const [what, answer] of Object.entries(answers))
      if (answer === '') throw misused('login', `the ${what} is empty`);
    return answers;
  } finally {
    await prompt.close();
  }
}

/** Without the end of its line, as `echo` makes one. */
async function readPassword({ input }: Console): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > MAX_PASSWORD_BYTES) break;
  }
  const password = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (password !== '' && length <= MAX_PASSWORD_BYTES) return password;
  const problem = `standard input holds ${password === '' ? 'no password' : 'more than a password'}`;
  throw misused('login', problem);
}
