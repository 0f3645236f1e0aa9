/** The words for a transfer, and its last lines: what moved where, under which digest. */
import type { TransferAction, TransferEvent } from '../../transfer/events.ts';
import { formatSize } from '../size.ts';
import { cleanText } from './output-lines.ts';
import { formatSeconds } from './summary.ts';

export type TransferEnd = Extract<TransferEvent, { type: 'transfer-end' }>;

const WORDS: Readonly<Record<TransferAction, { doing: string; did: string; moved: string }>> = {
  push: { doing: 'pushing', did: 'Pushed', moved: 'sent' },
  pull: { doing: 'pulling', did: 'Pulled', moved: 'received' },
  copy: { doing: 'copying', did: 'Copied', moved: 'moved' },
  save: { doing: 'saving', did: 'Saved', moved: 'written' },
  load: { doing: 'loading', did: 'Loaded', moved: 'read' },
};

/** `pushing` */
export function doing(action: TransferAction): string {
  return WORDS[action].doing;
}

/**
 * The totals, without colours. Of a transfer that failed or was cancelled there is only one line: the error says the
 * rest.
 *
 * @param existing Blobs that the other side had already.
 */
export function transferSummary(event: TransferEnd, existing: number): string[] {
  const { did, moved } = WORDS[event.action];
  const time = formatSeconds(event.durationMs);
  const name = cleanText(event.name);
  if (event.status !== 'done')
    return ['', `${capital(event.action)} of ${name} ${event.status} after ${time}`];
  const there =
    existing === 0 ? '' : `, ${existing} ${existing === 1 ? 'blob was' : 'blobs were'} there already`;
  const lines = [
    '',
    `${did} in ${time} (${formatSize(event.movedBytes)} ${moved}${there})`,
    `name    ${name}`,
  ];
  if (event.digest !== undefined) lines.push(`digest  ${cleanText(event.digest)}`);
  return lines;
}

/** The same in one line, for a build that goes on. */
export function transferLine(event: TransferEnd): string {
  const { did, moved } = WORDS[event.action];
  const figures = `${formatSize(event.movedBytes)} ${moved} in ${formatSeconds(event.durationMs)}`;
  const name = cleanText(event.name);
  return event.status === 'done'
    ? `${did} ${name} (${figures})`
    : `${capital(event.action)} of ${name} ${event.status}`;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
