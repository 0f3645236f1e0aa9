/** A finished VHDX file as a disk that is written in place: what was flushed survives a crash, whatever happens after. */
import type { WritableDisk } from '../../disk/disk.ts';
import { ChainIndex } from '../chain-index.ts';
import type { Layer } from '../layer.ts';
import type { RunSource } from '../runs.ts';
import { SectorDisk, type SectorWriter } from '../sector-disk.ts';
import { EditedBlocks } from './edited-blocks.ts';
import type { Editor } from './editor.ts';

export class EditedDisk extends SectorDisk implements WritableDisk {
  readonly editor: Editor;
  readonly blocks: EditedBlocks;
  readonly #below: ChainIndex;
  readonly #onClose: () => void;

  /** `below` are the finished layers under the edited one, leaf first; they are closed with the disk. */
  constructor(editor: Editor, below: readonly Layer[], onClose: () => void = () => undefined) {
    super(editor.layer.geometry);
    this.editor = editor;
    this.#below = new ChainIndex(below, this.logicalSectorBytes);
    this.blocks = new EditedBlocks(editor, this.#below);
    this.#onClose = onClose;
  }

  protected readable(): RunSource {
    return this.blocks;
  }

  protected writable(): SectorWriter {
    return this.blocks;
  }

  /** Makes everything written so far durable, block table included. */
  flush(): void {
    this.editor.commit();
  }

  close(): void {
    try {
      this.editor.finish();
    } finally {
      this.editor.file.close();
      this.#below.close();
      this.#onClose();
    }
  }
}
