/** Which PowerShell is started, and with what surroundings. */
import { systemProgram } from '../../../base/find-program.ts';

/**
 * NODE_POWERSHELL, else Windows PowerShell, which every Windows has and whose modules are made for it; elsewhere `pwsh`
 * of PATH.
 */
export function powershellExecutable(
  env: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): string {
  if (env.NODE_POWERSHELL) return env.NODE_POWERSHELL;
  if (platform !== 'win32') return 'pwsh';
  return systemProgram(['WindowsPowerShell', 'v1.0', 'powershell.exe'], env);
}

/** Plain text, and nobody is asked or told anything. */
const QUIET = {
  TERM: 'dumb',
  NO_COLOR: '1',
  POWERSHELL_TELEMETRY_OPTOUT: '1',
  POWERSHELL_UPDATECHECK: 'Off',
} as const;

/**
 * The environment of a session: ours, without the search path for modules. When Hyperfile was started from PowerShell 7,
 * that path names its modules, which Windows PowerShell finds before its own and cannot load.
 *
 * @param more set or, when undefined, removed
 */
export function powershellEnvironment(
  more: NodeJS.ProcessEnv = {},
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => name.toUpperCase() !== 'PSMODULEPATH');
  return { ...Object.fromEntries(kept), ...QUIET, ...more };
}
