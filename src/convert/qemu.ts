/** Disk formats of other programs, through qemu-img. Formats are always named: a guest could pose as any of them. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { runTool } from '../base/process.ts';
import type { StepsIo } from '../base/steps.ts';
import { qemuName } from './foreign.ts';
import type { DiskFormat } from './format-names.ts';

export interface QemuConversion {
  readonly from: DiskFormat;
  readonly input: string;
  readonly to: DiskFormat;
  readonly output: string;
  /** Of the disk; for the progress. */
  readonly sizeBytes: number;
  readonly isFixed: boolean;
}

/** @throws HyperfileError TOOL_MISSING, TOOL_FAILED, DISK_FULL, INTERRUPTED */
export async function convertWithQemu(conversion: QemuConversion, io: StepsIo): Promise<void> {
  const { from, input, to, output, sizeBytes } = conversion;
  const args = ['convert', '-p', '-f', qemuName(from), '-O', qemuName(to), ...optionsFor(conversion)];
  const onStdout = (text: string): void => {
    const [, percent] = [...text.matchAll(/([\d.]+)\/100%/g)].at(-1) ?? [];
    if (percent === undefined) return;
    const done = Math.round((Math.min(100, Number(percent)) * sizeBytes) / 100);
    io.onProgress({ done, total: sizeBytes, unit: 'bytes' });
  };
  try {
    await runTool('qemu-img', [...args, input, output], { signal: io.signal, endsWithUs: true, onStdout });
  } catch (error) {
    if (isHyperfileError(error, 'TOOL_FAILED') && /No space left|quota/i.test(String(error.data.output)))
      throw new HyperfileError('DISK_FULL', { data: { path: output }, cause: error });
    throw error;
  }
}

function optionsFor({ to, isFixed }: QemuConversion): string[] {
  switch (to) {
    case 'vhd':
      // Without force_size, the disk is rounded to a geometry that no partition table was made for.
      return ['-o', `subformat=${isFixed ? 'fixed' : 'dynamic'},force_size=on`];
    case 'raw':
      return isFixed ? ['-o', 'preallocation=full', '-S', '0'] : [];
    default:
      return [];
  }
}
