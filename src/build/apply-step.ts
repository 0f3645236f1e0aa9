/** Runs one step in an open sandbox. */
import { HyperfileError } from '../base/error.ts';
import type { GuestCommand, RestartOptions, Sandbox } from '../drivers/driver.ts';
import type { CopyRequest } from '../fs/guest-files.ts';
import type { GuestOs, MachineSettings } from '../oci/image.ts';
import type { CopyStep, DiskStep, RunStep } from '../plan/step.ts';
import type { CopySources } from './copy-sources.ts';
import { download, fileNameOf } from './download.ts';
import type { StepId } from './events.ts';
import { LastLines } from './last-lines.ts';
import type { Workshop } from './workshop.ts';

export interface StepContext {
  readonly workshop: Workshop;
  readonly id: StepId;
  readonly sources: CopySources;
  /** Of the guest. */
  readonly os: GuestOs;
}

/** What Windows' installers end with when the work is done but for a restart, and when they have begun that restart. */
const WANTS_RESTART = [3010, 1641];

/** @throws HyperfileError BUILD_STEP_FAILED for a command that fails, and whatever the sandbox throws. */
export async function applyStep(step: DiskStep, sandbox: Sandbox, context: StepContext): Promise<void> {
  switch (step.kind) {
    case 'run':
      return runCommand(step, sandbox, context);
    case 'copy':
      return copyFiles(step, sandbox, context);
    case 'workdir':
      return sandbox.files.makeDirectory(step.path);
    case 'reboot':
      return sandbox.restart(restartOptions(step, context));
  }
}

function restartOptions(
  { machine }: { readonly machine?: MachineSettings },
  { workshop }: StepContext,
): RestartOptions {
  return { signal: workshop.signal, ...(machine && { machine }) };
}

async function runCommand(step: RunStep, sandbox: Sandbox, context: StepContext): Promise<void> {
  const { workshop, id, os } = context;
  const lines = new LastLines();
  const { argv, stdin, workdir, user, network, machine } = step;
  const command: GuestCommand = {
    argv,
    workdir,
    user,
    network,
    env: { ...step.proxyEnv, ...step.env },
    ...(machine && { machine }),
    ...(stdin !== undefined && { stdin }),
  };
  const { status } = await sandbox.run(command, {
    signal: workshop.signal,
    onOutput: (stream, chunk) => {
      const text = lines.add(stream, chunk);
      if (text !== '') workshop.onEvent({ type: 'step-output', step: id, stream, text });
      return workshop.drained();
    },
  });
  const rest = lines.end();
  if (rest !== '') workshop.onEvent({ type: 'step-output', step: id, stream: 'stdout', text: rest });
  if (status === 0) return;
  if (os === 'windows' && WANTS_RESTART.includes(status)) {
    const text = `exit status ${status}: the command succeeded and asks for a restart\n`;
    workshop.onEvent({ type: 'step-output', step: id, stream: 'stdout', text });
    return sandbox.restart(restartOptions(step, context));
  }
  throw new HyperfileError('BUILD_STEP_FAILED', {
    data: { status, command: argv.join(' '), lastLines: lines.last() },
    at: step.location,
  });
}

async function copyFiles(step: CopyStep, sandbox: Sandbox, context: StepContext): Promise<void> {
  const { files } = sandbox;
  const { destination, mode } = step;
  const owner = step.owner === undefined ? undefined : await files.resolveOwner(step.owner);
  const common = { destination, ...(owner && { owner }), ...(mode !== undefined && { mode }) };
  if (step.paths.length > 0) await copyTree(step, sandbox, context, common);
  for (const { name, content } of step.inlineFiles) {
    await files.writeFile({ ...common, name, content: Buffer.from(content) });
  }
  for (const source of step.downloads) {
    const { content, modifiedSeconds } = await download(source, context.workshop);
    const time = modifiedSeconds === undefined ? {} : { modifiedSeconds };
    // Docker gives downloads to their owner alone.
    await files.writeFile({ forOwnerOnly: true, ...common, name: fileNameOf(source.url), content, ...time });
  }
}

async function copyTree(
  step: CopyStep,
  sandbox: Sandbox,
  { workshop, sources }: StepContext,
  common: Pick<CopyRequest, 'destination' | 'owner' | 'mode'>,
): Promise<void> {
  const { signal } = workshop;
  const from = await sources.tree(step);
  await sandbox.files.copy({ ...common, from, sources: step.paths, unpackArchives: step.add, signal });
}
