/** One entry of the block allocation table: a state and a place in the file (MS-VHDX section 2.5.1). */
import { BAT_ENTRY_BYTES } from './format.ts';

/** Puts an entry's eight bytes at `at`; `fileMb` is the place in MiB, 0 for none. */
export function putBatEntry(view: DataView, at: number, state: number, fileMb: number): void {
  view.setUint32(at, (state | (fileMb << 20)) >>> 0, true);
  view.setUint32(at + 4, Math.floor(fileMb / 4096), true);
}

/** An entry's eight bytes. */
export function encodeBatEntry(state: number, fileMb: number): Uint8Array {
  const bytes = new Uint8Array(BAT_ENTRY_BYTES);
  putBatEntry(new DataView(bytes.buffer), 0, state, fileMb);
  return bytes;
}
