/** The content that a step reads, as digests for its cache key. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../base/canonical-json.ts';
import { digestTree } from '../fs/digest-tree.ts';
import type { CopyStep, DiskStep } from '../plan/step.ts';
import type { CopySources } from './copy-sources.ts';
import { downloadDigest } from './download.ts';
import type { Workshop } from './workshop.ts';

export async function readsOf(step: DiskStep, workshop: Workshop, sources: CopySources): Promise<string[]> {
  if (step.kind !== 'copy') return [];
  const trees = step.paths.length === 0 ? [] : [await treeDigest(step, workshop, sources)];
  const downloads = await Promise.all(step.downloads.map((download) => downloadDigest(download, workshop)));
  return [...trees, ...downloads];
}

/** Layers never change: what a stage's files digest to is remembered by its leaf, and found again without a mount. */
async function treeDigest(step: CopyStep, workshop: Workshop, sources: CopySources): Promise<string> {
  const { context, signal } = workshop;
  const origin = await sources.origin(step);
  if (origin === undefined)
    return digestTree(context, step.paths, { cache: await workshop.fileDigests(), signal });
  const question = canonicalJson({ leaf: origin.layers[0], paths: step.paths, scheme: 1 });
  const memo = `tree-${createHash('sha256').update(question).digest('hex')}`;
  const known = await workshop.recall(memo);
  if (known !== undefined) return known;
  const digest = await digestTree(await sources.tree(step), step.paths, { signal });
  await workshop.remember(memo, digest);
  return digest;
}
