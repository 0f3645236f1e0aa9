/** What shipping images tells whoever watches it. */
import type { Digest } from '../oci/digest.ts';

export type TransferAction = 'push' | 'pull' | 'copy' | 'save' | 'load';

export type TransferEvent =
  | { readonly type: 'transfer-start'; readonly action: TransferAction; readonly name: string }
  | {
      readonly type: 'blob-start';
      readonly blob: Digest;
      /** What it is, for people: `layer 3f2a…`, `layer 3f2a… part 4`, `config`. */
      readonly label: string;
      readonly totalBytes: number;
    }
  | {
      readonly type: 'blob-progress';
      readonly blob: Digest;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | {
      readonly type: 'blob-end';
      readonly blob: Digest;
      readonly label: string;
      /** `exists`: the other side had it already. */
      readonly status: 'done' | 'exists' | 'mounted' | 'failed';
      /** Moved over the wire. */
      readonly bytes: number;
      readonly durationMs: number;
    }
  | { readonly type: 'warning'; readonly message: string; readonly hint?: string }
  | {
      readonly type: 'transfer-end';
      readonly action: TransferAction;
      readonly name: string;
      readonly status: 'done' | 'failed' | 'cancelled';
      /** Of the manifest. */
      readonly digest?: Digest;
      readonly movedBytes: number;
      readonly durationMs: number;
    };
