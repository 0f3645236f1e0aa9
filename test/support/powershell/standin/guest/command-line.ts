/**
 * The command line of a program as it was written. Windows hands it over whole, this system only what .NET cut it into;
 * so the profile of a guest's PowerShell leaves it in the environment of what it starts.
 */

/** The environment variable that holds it. */
export const COMMAND_LINE = 'HYPERV_GUEST_COMMAND_LINE';

/** Undefined when this program was not started by one that left it, but by a child of that. */
export function writtenCommandLine(args: readonly string[]): string | undefined {
  const line = process.env[COMMAND_LINE];
  delete process.env[COMMAND_LINE];
  const bare = (text: string): string => text.replace(/[\s"\\]/g, '');
  return line !== undefined && bare(line) === bare(args.join('')) ? line : undefined;
}
