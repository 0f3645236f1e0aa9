/** The last lines of a build: what it took and what it made. */
import type { BuildEvent } from '../../build/events.ts';
import { formatSize } from '../size.ts';

type BuildEnd = Extract<BuildEvent, { type: 'build-end' }>;

/** The totals, without colours. A build that failed or was cancelled has only one line: the error says the rest. */
export function summaryLines(event: BuildEnd): string[] {
  const time = formatSeconds(event.durationMs);
  const steps = `${event.totalSteps} ${event.totalSteps === 1 ? 'step' : 'steps'}, ${event.cachedSteps} cached`;
  if (event.status !== 'done') return ['', `Build ${event.status} after ${time} (${steps})`];
  const lines = ['', `Built in ${time} (${steps})`];
  if (event.image) {
    const { id, names, layers, isElsewhere } = event.image;
    const total = layers.reduce((sum, layer) => sum + layer.allocatedBytes, 0);
    lines.push(`image   ${id}`);
    for (const name of names) lines.push(`name    ${name}`);
    lines.push(`layers  ${layers.length}, ${formatSize(total)} ${isElsewhere ? 'elsewhere' : 'on disk'}`);
  }
  for (const { name, digest } of event.pushed ?? []) lines.push(`pushed  ${name}@${digest}`);
  return lines;
}

/** `0.4s`, `12.3s`, `2m 05s` */
export function formatSeconds(durationMs: number): string {
  if (durationMs < 59_950) return `${(durationMs / 1000).toFixed(1)}s`;
  const seconds = Math.round(durationMs / 1000);
  return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s`;
}
