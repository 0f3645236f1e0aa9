/** Why a step was not found: what its key was made from, compared with the nearest step that was made before. */
import { canonicalJson } from '../base/canonical-json.ts';
import type { ListedRecord } from './record-list.ts';

export interface InputChange {
  /** `parent`, `instruction.argv[2]`, `instruction.env.LANG`, `reads[0]`. */
  readonly field: string;
  /** Absent where the field was not there. */
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface MissExplanation {
  /** The earlier step that is nearest; absent when none has the same kind of instruction. */
  readonly nearest?: ListedRecord;
  /** What differs from it; empty without one. */
  readonly changes: readonly InputChange[];
}

type Earlier = ListedRecord & { readonly inputs: Record<string, unknown> };

/**
 * Compares a missed step's inputs with all earlier records of the same kind of instruction. The nearest has the fewest
 * differences; of several, the newest. That the step below is another one counts least: then everything below it is
 * another one too, and what changed there is said there.
 *
 * @param earlier records of the store and of caches elsewhere, in any order
 */
export function explainMiss(inputs: unknown, earlier: Iterable<ListedRecord>): MissExplanation {
  let best: { nearest: Earlier; changes: InputChange[]; weight: number } | undefined;
  for (const record of earlier) {
    if (!isOfSameKind(record, inputs)) continue;
    const changes = differences(record.inputs, inputs);
    const weight = changes.reduce((sum, { field }) => sum + (field === 'parent' ? 0.5 : 1), 0);
    const isNearer =
      best === undefined ||
      weight < best.weight ||
      (weight === best.weight && record.created > best.nearest.created);
    if (isNearer) best = { nearest: record, changes, weight };
  }
  return best === undefined ? { changes: [] } : { nearest: best.nearest, changes: best.changes };
}

function isOfSameKind(record: ListedRecord, inputs: unknown): record is Earlier {
  const kind = kindOf(inputs);
  return kind !== undefined && kindOf(record.inputs) === kind;
}

function kindOf(inputs: unknown): unknown {
  return isObject(inputs) && isObject(inputs.instruction) ? inputs.instruction.kind : undefined;
}

/** Every field in which two values differ, however deep. */
function differences(before: unknown, after: unknown, field = ''): InputChange[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      differences(before[index], after[index], `${field}[${index}]`),
    );
  }
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names]
      .sort()
      .flatMap((name) => differences(before[name], after[name], field === '' ? name : `${field}.${name}`));
  }
  if (text(before) === text(after)) return [];
  return [{ field, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
}

function text(value: unknown): string | undefined {
  return value === undefined ? undefined : canonicalJson(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
