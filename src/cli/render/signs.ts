/** The signs that lines begin with and bars are made of, for consoles whose font lacks some of them. */
import { hostSystem } from '../../base/host-platform.ts';

/** Consolas and Lucida Console, the fonts of Windows' own console, have these; each is as wide as what it stands for. */
const PLAIN: Readonly<Record<string, string>> = { '✔': '√', '✖': '×', '⇅': '↕', '━': '═' };

/** How a line is written on the console of an environment: as it is, or with plain signs. */
export function signsFor(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = hostSystem(),
): (line: string) => string {
  if (platform !== 'win32' || hasRichFont(env)) return (line) => line;
  return (line) => line.replaceAll(/[✔✖⇅━]/g, (sign) => PLAIN[sign] ?? sign);
}

/** Windows Terminal and the terminals of editors take what a font lacks from another one, and say who they are. */
function hasRichFont(env: Readonly<Record<string, string | undefined>>): boolean {
  const names = ['WT_SESSION', 'TERM_PROGRAM', 'TERMINAL_EMULATOR', 'ConEmuTask', 'TERMINUS_SUBLIME', 'TERM'];
  return names.some((name) => env[name]);
}
