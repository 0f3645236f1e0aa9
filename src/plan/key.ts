/**
 * Cache keys: the SHA-256 of a canonical JSON record of everything that decides what a step makes. The record is kept
 * beside the key, so that a miss can be explained by comparing records.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../base/canonical-json.ts';
import type { DiskStep } from './step.ts';

/** Changes whenever what a key covers changes; keys of another scheme never match. */
export const CACHE_SCHEME = 1;

export interface KeyInputs {
  readonly scheme: number;
  /** The key of the step below; absent for a base. */
  readonly parent?: string;
  /** The instruction in canonical form, with effective shell, user, environment and working folder. */
  readonly instruction: Readonly<Record<string, unknown>>;
  /** Digests of the content that the step reads. */
  readonly reads: readonly string[];
}

export interface CacheKey {
  readonly key: string;
  readonly inputs: KeyInputs;
}

/** @param reads Content digests of what the step reads, in the order of its sources. */
export function stepKey(parent: string, step: DiskStep, reads: readonly string[]): CacheKey {
  return keyOf({ scheme: CACHE_SCHEME, parent, instruction: instructionRecord(step), reads });
}

/** The key of a base: `instruction` names its kind and options, `reads` the digests of what it was made from. */
export function baseKey(
  instruction: Readonly<Record<string, unknown>>,
  reads: readonly string[] = [],
): CacheKey {
  return keyOf({ scheme: CACHE_SCHEME, instruction, reads });
}

function keyOf(inputs: KeyInputs): CacheKey {
  return { key: createHash('sha256').update(canonicalJson(inputs)).digest('hex'), inputs };
}

/** Titles, places in the recipe and proxies are left out: they decide nothing about the result. */
function instructionRecord(step: DiskStep): Record<string, unknown> {
  switch (step.kind) {
    case 'run':
      return {
        kind: 'run',
        argv: step.argv,
        ...(step.stdin !== undefined && { stdin: step.stdin }),
        env: step.env,
        workdir: step.workdir,
        user: step.user,
        network: step.network,
        mounts: [],
        ...ownLayer(step),
      };
    case 'copy':
      return {
        kind: step.add ? 'add' : 'copy',
        // Sources count by content and by the name they land under, both in the digests.
        from: step.from.kind === 'context' ? 'context' : 'tree',
        inlineFiles: step.inlineFiles,
        downloads: step.downloads,
        destination: step.destination,
        ...(step.owner !== undefined && { owner: step.owner }),
        ...(step.mode !== undefined && { mode: step.mode }),
      };
    case 'workdir':
      return { kind: 'workdir', path: step.path };
    case 'reboot':
      return { kind: 'reboot', ...ownLayer(step) };
  }
}

/** A chain with a layer for the step is another one than a chain without, whatever the guest looks like at its end. */
function ownLayer({ needsLayer }: DiskStep): { readonly layer?: false } {
  return needsLayer ? {} : { layer: false };
}
