/** What passes between the thread that ships layers and those that pack and unpack them. */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import type { ContentPlaces } from './content-file.ts';
import type { PackJob } from './packer.ts';

export interface UnpackJob {
  readonly blob: LayerBlob;
  readonly places: ContentPlaces;
}

export type ThreadQuestion = { readonly job: number } & (
  | { readonly ask: 'pack'; readonly pack: PackJob }
  /** Its pieces follow, then its end. */
  | { readonly ask: 'unpack'; readonly unpack: UnpackJob }
  | { readonly ask: 'piece'; readonly piece: Uint8Array<ArrayBuffer> }
  | { readonly ask: 'end' }
  | { readonly ask: 'stop' }
);

export type ThreadAnswer = { readonly job: number } &
  /** Pieces of so many bytes, and content so far. */
  (
    | { readonly is: 'taken'; readonly bytes: number; readonly contentBytes: number }
    | { readonly is: 'done'; readonly blob?: LayerBlob }
    | { readonly is: 'stopped' }
    | { readonly is: 'failed'; readonly failure: JobFailure }
  );

export type JobFailure =
  | { readonly code: ErrorCode; readonly data: ErrorData }
  | { readonly message: string; readonly systemCode?: string };
