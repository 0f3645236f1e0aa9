/** Commands for the stand-in's Windows guests. */
import type { CommandIo, GuestCommand, Sandbox } from '../../../src/drivers/driver.ts';

/** What every guest of the stand-in takes. */
export const ACCESS = { userName: 'Administrator', password: 'Passw0rd!' };

/** A line for the guest's cmd.exe, with what a step gives it. */
export function line(text: string, more: Partial<GuestCommand> = {}): GuestCommand {
  return {
    argv: ['cmd', '/S', '/C', text],
    env: {},
    workdir: 'C:\\',
    user: '',
    network: 'host',
    ...more,
  };
}

/** Runs a line and returns how it ended and what it wrote. */
export async function runLine(
  sandbox: Sandbox,
  text: string,
  more: Partial<GuestCommand> = {},
  io: Partial<CommandIo> = {},
): Promise<{ status: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const { status } = await sandbox.run(line(text, more), {
    onOutput: (stream, chunk) => void (written[stream] += chunk.toString()),
    ...io,
  });
  return { status, ...written };
}
