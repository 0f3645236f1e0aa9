/** What powershell/Hyperfile.Session.psm1 reports, record by record. */
import { decodeValue, type Received } from './values.ts';

/** An error of PowerShell. Only `message` is in the language of the host; nothing is read out of it. */
export interface Failure {
  /** FullyQualifiedErrorId: what went wrong, and after the comma which command noticed. */
  readonly id: string;
  /** A name of ErrorCategory. */
  readonly category: string;
  /** What it was done to, as text. */
  readonly target: string;
  readonly message: string;
  /** Class of the exception, and of the innermost one behind it. */
  readonly exception: string;
  readonly cause: string;
  /** HRESULT of the innermost exception: `0x80070070`. */
  readonly code: string;
  /** Where in our module, one line a call. */
  readonly stack: string;
}

/** What a function says while it runs. */
export type SessionEvent =
  | {
      readonly kind: 'progress';
      readonly activity: string;
      readonly status: string;
      /** 0 to 100; absent when it is not known. */
      readonly percent?: number;
      readonly isDone: boolean;
    }
  | { readonly kind: 'warning' | 'verbose' | 'information'; readonly text: string };

export type SessionRecord =
  | { readonly kind: 'ready'; readonly about: About }
  | { readonly kind: 'event'; readonly id: number; readonly event: SessionEvent }
  | { readonly kind: 'output'; readonly id: number; readonly value: Received }
  | { readonly kind: 'error'; readonly id: number; readonly failure: Failure }
  | { readonly kind: 'end'; readonly id: number; readonly failure: Failure | undefined };

/** What a session runs on. */
export interface About {
  /** `5.1.26100.1`, `7.6.9`. */
  readonly version: string;
  /** `Desktop` (Windows PowerShell) or `Core`. */
  readonly edition: string;
  readonly processId: number;
  /** The functions that may be called, as `MODULE\FUNCTION`. */
  readonly functions: readonly string[];
}

type Table = Readonly<Record<string, Received>>;
/** Those of an event. */
type Texts = Readonly<Record<string, string>>;

/**
 * A record from its JSON. The other side is ours, so what it writes is believed.
 *
 * @throws SyntaxError
 */
export function parseRecord(json: string): SessionRecord {
  const table = decodeValue(json) as Table;
  const id = Number(table.id ?? 0);
  switch (table.kind) {
    case 'ready':
      return { kind: 'ready', about: table as unknown as About };
    case 'output':
      return { kind: 'output', id, value: table.value ?? null };
    case 'error':
      return { kind: 'error', id, failure: table.error as unknown as Failure };
    case 'end':
      return { kind: 'end', id, failure: (table.error ?? undefined) as unknown as Failure | undefined };
    default:
      return { kind: 'event', id, event: parseEvent(table) };
  }
}

function parseEvent(table: Table): SessionEvent {
  const { kind, text, activity, status } = table as Texts;
  if (kind !== 'progress') return { kind: kind as 'warning' | 'verbose' | 'information', text };
  const percent = Number(table.percent);
  return {
    kind,
    activity,
    status,
    // -1 says that it is not known.
    ...(percent >= 0 && { percent }),
    isDone: table.isDone === true,
  };
}
