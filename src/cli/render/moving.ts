/** How a line tells of what moves: a bar, how much of it is done, how fast, and how long it will still take. */
import type { Progress } from '../../base/events.ts';
import { formatSize } from '../size.ts';
import type { Rate } from './rate.ts';
import { formatSeconds } from './summary.ts';
import { justify } from './text-width.ts';

export interface Moving {
  /** Without control characters. */
  readonly label: string;
  /** Absent before the first progress. */
  rate: Rate | undefined;
  progress: Progress;
}

const WIDEST_BAR = 20;
const NARROWEST_BAR = 5;
/** `→ layer 0123456789ab part 12` and the gap behind it. */
const LABEL_COLUMNS = 30;

/**
 * `→ layer 3f2a…   ━━━━━─────  120 MiB / 512 MiB  40 MiB/s  10s`, cut to fit; the figures of all lines stand in columns.
 *
 * @param mark What stands in front of the label: a line below others has an arrow.
 */
export function movingLine(
  moving: Moving,
  nowMs: number,
  columns: number,
  mark = '→ ',
): [left: string, right: string] {
  const { amount, speed = '', left = '' } = figuresOf(moving, nowMs);
  const figures = `${amount.padStart(18)}  ${speed.padStart(10)}  ${left.padStart(7)}`;
  const barColumns = Math.min(WIDEST_BAR, columns - LABEL_COLUMNS - figures.length - 2);
  const bar = barColumns >= NARROWEST_BAR ? `${progressBar(moving.progress, barColumns)}  ` : '';
  return justify(mark + moving.label, bar + figures, columns);
}

/** `120 MiB / 512 MiB  40 MiB/s  10s left` */
export function movingFigures(moving: Moving, nowMs: number): string {
  const { amount, speed, left } = figuresOf(moving, nowMs);
  return [amount, speed, left && `${left} left`].filter(Boolean).join('  ');
}

/** `512 MiB  40 MiB/s  12.8s` of what has moved. */
export function movedFigures({ done, unit }: Progress, durationMs: number): string {
  if (done === 0) return formatSeconds(durationMs);
  const speed = durationMs >= 1 ? [`${formatAmount(Math.round((done * 1000) / durationMs), unit)}/s`] : [];
  return [formatAmount(done, unit), ...speed, formatSeconds(durationMs)].join('  ');
}

interface Figures {
  readonly amount: string;
  /** Absent while it is not known. */
  readonly speed?: string;
  readonly left?: string;
}

function figuresOf({ progress, rate }: Moving, nowMs: number): Figures {
  const { done, total, unit } = progress;
  const amount = formatAmount(done, unit) + (total === undefined ? '' : ` / ${formatAmount(total, unit)}`);
  const speed = rate?.perSecond(nowMs);
  if (speed === undefined) return { amount };
  const isMoving = total !== undefined && speed >= 1 && done < total;
  const left = isMoving ? formatLeft(((total - done) / speed) * 1000) : '';
  return { amount, speed: `${formatAmount(Math.round(speed), unit)}/s`, left };
}

function formatAmount(amount: number, unit: Progress['unit']): string {
  return unit === 'bytes' ? formatSize(amount) : String(amount);
}

/** While nobody knows how much there is to do, the bar stays empty. */
function progressBar({ done, total }: Progress, columns: number): string {
  const share = total === undefined ? 0 : total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.round(share * columns);
  return '━'.repeat(filled) + '─'.repeat(columns - filled);
}

/** Whole seconds, minutes, hours: more would only flicker. */
function formatLeft(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s`;
  const hours = Math.floor(seconds / 3600);
  return hours < 100 ? `${hours}h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}m` : 'days';
}
