/** `hyperfile export`. */
import path from 'node:path';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { progressOption } from '../options.ts';
import { addExamples } from '../verb.ts';
import { withView, type SessionIo, type ViewFlags } from '../view-session.ts';

interface Flags extends ViewFlags {
  readonly output: string;
}

export function define(command: Command, console: Console): void {
  command
    .description('Flatten an image into one disk without layers. The ending of the file chooses the format.')
    .argument('<IMAGE>', 'name or id of an image')
    .requiredOption('-o, --output <file>', 'the new disk: .vhdx, .vhd, .vmdk, .qcow2, .raw or .img')
    .option('-q, --quiet', 'show nothing')
    .addOption(progressOption())
    .action((name: string, flags: Flags) =>
      withView(flags, console, (io) => exportShown(name, path.resolve(console.cwd, flags.output), io)),
    );
  addExamples(command, [
    { what: 'a disk for Hyper-V, in one file', line: 'hyperfile export web -o web.vhdx' },
    { what: 'a disk for QEMU', line: 'hyperfile export web:1.2 -o web.qcow2' },
  ]);
}

/** An export is one step in the view. */
async function exportShown(
  name: string,
  output: string,
  { store, signal, onEvent }: SessionIo,
): Promise<void> {
  const { exportImage } = await import('../../build/export.ts');
  const step = '0.0';
  const startedMs = performance.now();
  onEvent({ type: 'build-start', recipe: name, totalSteps: 1 });
  onEvent({
    type: 'step-start',
    step,
    stage: 'export',
    number: 1,
    totalInStage: 1,
    title: `${name} to ${output}`,
  });
  try {
    const onProgress = (progress: Parameters<Parameters<typeof exportImage>[1]['onProgress']>[0]) =>
      onEvent({ type: 'step-progress', step, what: 'written', progress });
    const { allocatedBytes } = await exportImage({ name, output }, { store, signal, onProgress });
    const durationMs = performance.now() - startedMs;
    onEvent({ type: 'step-end', step, status: 'done', durationMs, layer: { id: output, allocatedBytes } });
  } catch (error) {
    const durationMs = performance.now() - startedMs;
    const message = error instanceof Error ? error.message : String(error);
    if (signal.aborted) onEvent({ type: 'step-end', step, status: 'cancelled', durationMs });
    else onEvent({ type: 'step-end', step, status: 'failed', durationMs, error: { message } });
    throw error;
  }
}
