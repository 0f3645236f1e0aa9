/** Programs of Node's own, for edges that show in how a program ends. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { powershellEngine } from '../../../../support/powershell/engine.ts';
import { SAMPLE } from '../support.ts';
import { bareEnvironment, LF_COMMAND } from './bare.ts';

const SESSION = path.resolve(import.meta.dirname, '../../../../../src/drivers/hyperv/session/session.ts');

export interface RunningProgram {
  readonly pid: number;
  /** Both of its streams together. */
  readonly ended: Promise<{ readonly status: number | null; readonly output: string }>;
}

/**
 * Starts a module's source.
 *
 * @param source may use `bare(OPTIONS)`, a shell of the library, and `ours()`, a session, in the tests' PowerShell
 */
export async function nodeProgram(source: string, env: NodeJS.ProcessEnv = {}): Promise<RunningProgram> {
  const { executable } = await powershellEngine();
  const head = `import { PowerShell } from ${JSON.stringify(import.meta.resolve('node-powershell'))};
    import { PowerShellSession } from ${JSON.stringify(pathToFileURL(SESSION).href)};
    const bare = (options) => {
      const shell = new PowerShell(options);
      shell.streams.stdin.write(${JSON.stringify(`${LF_COMMAND}\n`)});
      return shell;
    };
    const ours = () => new PowerShellSession({ executable: ${JSON.stringify(executable)}, modules: [${JSON.stringify(SAMPLE)}] });
    `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', head + source], {
    env: bareEnvironment({ NODE_POWERSHELL: executable, NODE_NO_WARNINGS: '1', ...env }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return {
    pid: child.pid!,
    ended: new Promise((resolve) => child.on('close', (status) => resolve({ status, output }))),
  };
}
