/** "Did you mean" for a missing source: one look into the directory where the path broke off. */
import { suggest } from '../base/suggest.ts';
import { namesIn, traceIn } from './read-source.ts';
import type { SourceTree } from './source-tree.ts';

const MOST_ENTRIES = 2000;

/** The path with its first missing name replaced by the nearest one there, if one is near. */
export function nearestName(tree: SourceTree, names: readonly string[]): string | undefined {
  for (let depth = 0; depth < names.length; depth++) {
    const parent = names.slice(0, depth);
    if (traceIn(tree, names.slice(0, depth + 1).join('/')).stat) continue;
    const near = suggest(names[depth] ?? '', entries(tree, traceIn(tree, parent.join('/')).hostPath));
    return near === undefined ? undefined : [...parent, near, ...names.slice(depth + 1)].join('/');
  }
  return undefined;
}

function entries(tree: SourceTree, hostPath: string): string[] {
  try {
    return namesIn(tree, hostPath).slice(0, MOST_ENTRIES);
  } catch {
    return [];
  }
}
