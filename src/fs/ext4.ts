/** ext4, made and mounted so that what a step does not touch is not written: layers hold blocks, not files. */
import { runTool } from '../base/process.ts';

export interface Ext4Options {
  /** At most 16 bytes. */
  readonly label: string;
  /** Default: a random one. */
  readonly uuid?: string;
  readonly signal?: AbortSignal;
}

/** Enough for the largest transactions of a build; a journal this small is reused, not spread over the disk. */
const JOURNAL_MIB = 16;

/**
 * Makes an ext4 file system over a whole device or partition, which must read as zeros.
 *
 * Nothing is zeroed in advance: inode tables and journal are left to the first use. The feature set is the common one
 * of e2fsprogs 1.45 and later without anything newer, so that any current kernel and boot loader reads it.
 *
 * @throws HyperfileError TOOL_MISSING, TOOL_FAILED
 */
export async function makeExt4(devicePath: string, { label, uuid, signal }: Ext4Options): Promise<void> {
  const extended = ['lazy_itable_init=1', 'lazy_journal_init=1', 'nodiscard', ...(uuid ? [] : [])];
  await runTool(
    'mke2fs',
    [
      ...['-q', '-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-m', '0', '-L', label],
      ...['-O', '^metadata_csum_seed,^orphan_file'],
      ...['-J', `size=${JOURNAL_MIB}`, '-E', extended.join(',')],
      ...(uuid === undefined ? [] : ['-U', uuid]),
      devicePath,
    ],
    signal ? { signal } : {},
  );
}

/**
 * For mount(8) during a build. A step that fails is thrown away whole, so nothing has to reach the disk in order or
 * soon: `freeze` before a seal writes all of it. No lazy initialization may run: it would write into whatever layer
 * is open.
 */
export const EXT4_BUILD_OPTIONS = 'noatime,nobarrier,data=writeback,commit=600,noinit_itable,errors=remount-ro';
