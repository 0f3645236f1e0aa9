/**
 * The four loads that fio puts on a block device, and what it reports. Writes are bounded by amount, not by time: past
 * a gigabyte or two the host's writeback would be measured instead.
 */
import { execa } from 'execa';

export const LOADS = {
  'random read 4 KiB': { rw: 'randread', bs: '4k', total: '600m' },
  'random write 4 KiB': { rw: 'randwrite', bs: '4k', total: '400m' },
  'sequential read 1 MiB': { rw: 'read', bs: '1M', total: '4g' },
  'sequential write 1 MiB': { rw: 'write', bs: '1M', total: '1g' },
} as const;

export type Load = keyof typeof LOADS;

const DEPTH = process.env.BENCH_IODEPTH ?? '32';

interface FioReport {
  readonly jobs: readonly { readonly read: FioSide; readonly write: FioSide }[];
}

interface FioSide {
  readonly iops: number;
  readonly bw_bytes: number;
}

/** Operations a second for 4 KiB, bytes a second for 1 MiB. */
export async function measure(device: string, load: Load, rangeBytes: number): Promise<number> {
  const { rw, bs, total } = LOADS[load];
  const { stdout } = await execa('fio', [
    '--name=load',
    `--filename=${device}`,
    `--rw=${rw}`,
    `--bs=${bs}`,
    `--size=${rangeBytes}`,
    `--iodepth=${DEPTH}`,
    `--io_size=${total}`,
    '--ioengine=libaio',
    '--direct=1',
    '--randrepeat=1',
    '--norandommap',
    '--output-format=json',
  ]);
  const { jobs } = JSON.parse(stdout) as FioReport;
  const side = rw.endsWith('read') ? jobs[0].read : jobs[0].write;
  return bs === '4k' ? side.iops : side.bw_bytes;
}
