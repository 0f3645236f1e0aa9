/** ext4, made and mounted so that what a step does not touch is not written: layers hold blocks, not files. */
import { isHyperfileError } from '../base/error.ts';
import { runTool } from '../base/process.ts';

export interface Ext4Options {
  /** At most 16 bytes. */
  readonly label: string;
  /** Default: a random one. */
  readonly uuid?: string;
  readonly signal?: AbortSignal;
}

/** Small, so that it is reused instead of spread over the disk; enough for the largest transactions of a build. */
const JOURNAL_MIB = 16;
/**
 * Bitmaps, inode tables and journal together at the front: a small step then touches few neighbouring blocks. Room to
 * grow to 1 TiB in place is kept (the default, 1024 times the size, is 4 MiB of tables in every base); beyond it the
 * kernel grows in another way.
 */
const EXTENDED_OPTIONS = ['nodiscard', 'packed_meta_blocks=1'];
const GROWTH_BLOCKS = 2 ** 28;
/**
 * e2fsprogs 1.47 and later: marks inode tables as zeroed, so that no kernel ever writes a gigabyte of zeros, and leaves
 * out the features that this version turned on and older boot loaders refuse.
 */
const CURRENT = { extended: ['assume_storage_prezeroed=1'], features: '^metadata_csum_seed,^orphan_file' };
const OLDER = { extended: ['lazy_itable_init=1', 'lazy_journal_init=1'], features: undefined };

/**
 * Makes an ext4 file system over a whole device, partition or file, which must read as zeros: nothing is zeroed in
 * advance. The features are the defaults of e2fsprogs 1.45, which every current kernel and boot loader reads.
 *
 * @throws HyperfileError TOOL_MISSING, TOOL_FAILED, INTERRUPTED
 */
export async function makeExt4(devicePath: string, options: Ext4Options): Promise<void> {
  // The richest set of options that this version and this size of disk take.
  const attempts = [CURRENT, OLDER].flatMap(({ extended, features }) => [
    { features, extended: [...extended, `resize=${GROWTH_BLOCKS}`] },
    { features, extended },
  ]);
  for (const [index, attempt] of attempts.entries()) {
    try {
      return await runMke2fs(devicePath, attempt, options);
    } catch (error) {
      const isRefusal =
        isHyperfileError(error, 'TOOL_FAILED') && /option|resize/i.test(String(error.data['output']));
      if (!isRefusal || index === attempts.length - 1) throw error;
    }
  }
}

async function runMke2fs(
  devicePath: string,
  { extended, features }: { readonly extended: readonly string[]; readonly features: string | undefined },
  { label, uuid, signal }: Ext4Options,
): Promise<void> {
  const args = [
    ...['-q', '-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-m', '0', '-L', label],
    ...(features === undefined ? [] : ['-O', features]),
    ...['-J', `size=${JOURNAL_MIB}`, '-E', [...EXTENDED_OPTIONS, ...extended].join(',')],
    ...(uuid === undefined ? [] : ['-U', uuid]),
    devicePath,
  ];
  await runTool('mke2fs', args, signal ? { signal } : {});
}

/**
 * For mount(8) during a build. `noload`: without its journal, because an unfinished step is thrown away whole, so there
 * is nothing that a journal could save, and what it holds would go into every layer (half of a small layer's size). It
 * stays where it is, for the machine that will boot from the disk. `noinit_itable`: no background thread that writes
 * zeros over the inode tables, into whatever layer is open.
 */
export const EXT4_BUILD_OPTIONS = 'noatime,noload,noinit_itable';
