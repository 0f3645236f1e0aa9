/** What `--explain` says of a step: where its result was found, or which part of its key nobody had seen before. */
import { explainMiss, type InputChange } from '../cache/explain.ts';
import { listStore, type ListedRecord } from '../cache/record-list.ts';
import type { Store } from '../store/store.ts';
import type { Found } from './workshop.ts';

const SHOWN_CHANGES = 3;
const SHOWN_CHARACTERS = 60;
const ID_DIGITS = 12;

export function explainHit({ layers, created, origin, place }: Found): string {
  const layer = layers[0]?.slice(0, ID_DIGITS) ?? '';
  const where = origin === undefined ? 'in the store' : `in the ${origin} cache ${place ?? ''}`.trimEnd();
  return `found ${where}: layer ${layer}, made ${created}`;
}

/** Compares with the steps that the store remembers from before this one. */
export async function explainMissed(key: string, inputs: unknown, store: Store): Promise<string> {
  const { records } = await listStore(store);
  const earlier = records.filter((record) => record.key !== key);
  const { nearest, changes } = explainMiss(inputs, earlier);
  if (nearest === undefined) return 'runs: no step like it is remembered here';
  if (changes.length === 0) return 'runs: what it made before is gone';
  const shown = changes.slice(0, SHOWN_CHANGES).map((change) => describe(change, earlier));
  const rest = changes.length - shown.length;
  return `runs: ${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

function describe({ field, before, after }: InputChange, earlier: readonly ListedRecord[]): string {
  if (field === 'parent') {
    const isKnown = earlier.some(({ key }) => key === after);
    return isKnown ? 'it stands on another step than before' : 'a step below it is new';
  }
  if (field.startsWith('reads')) return 'a file that it reads has changed';
  const name = field.replace(/^instruction\./, '');
  if (before === undefined) return `${name} is new: ${shorten(after)}`;
  if (after === undefined) return `${name} is gone: ${shorten(before)}`;
  return `${name} was ${shorten(before)} and is ${shorten(after)}`;
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
