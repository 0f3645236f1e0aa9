/** Which megabytes of a file are in use before its blocks are counted: headers, log and regions. */
import { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { errorAt, STRICT, type Findings } from './findings.ts';
import { MIB, type HeaderRecord } from './format.ts';
import type { Region, Regions } from './region.ts';

/**
 * One bit for every megabyte of the file, a last one that is not whole included.
 * @throws HyperfileError VHDX_REGION_OVERLAP, unless `findings` go on.
 */
export function reserveTables(
  file: BlockFile,
  header: Pick<HeaderRecord, 'logOffset' | 'logLength'>,
  regions: Regions,
  findings: Findings = STRICT,
): Bitmap {
  const used = new Bitmap(Math.ceil(file.sizeBytes() / MIB));
  const reserve = (what: string, { fileOffset, length }: Region) => {
    const endMb = (fileOffset + length) / MIB;
    if (used.setRange(fileOffset / MIB, endMb) === length / MIB) return;
    findings.report(errorAt('VHDX_REGION_OVERLAP', file.path, fileOffset, { what }));
  };
  reserve('the header area', { fileOffset: 0, length: MIB });
  if (header.logLength > 0) {
    reserve('the log', { fileOffset: header.logOffset, length: header.logLength });
  }
  reserve('the block table', regions.bat);
  reserve('the metadata region', regions.metadata);
  for (const region of regions.others) reserve('a region', region);
  return used;
}
