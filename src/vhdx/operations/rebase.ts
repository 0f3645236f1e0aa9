/**
 * Tells a differencing disk anew where its parent is, whether what it says about that is sound or damaged. Not a block is
 * touched, and its own children stay valid.
 */
import path from 'node:path';
import type { ErrorCode } from '../../base/codes/index.ts';
import { HyperfileError } from '../../base/error.ts';
import { closeLayers, identityOf, openLayers } from '../ancestry.ts';
import type { Editor } from '../edit/editor.ts';
import { replaceItem } from '../edit/metadata-edit.ts';
import { openEditor, openLocked } from '../edit/open.ts';
import { errorOf, STRICT, type Finding, type Findings } from '../findings.ts';
import { encodeLocator, PATH_KEYS } from '../locator.ts';
import { locatorFor } from '../parent-paths.ts';

const REWRITTEN: ReadonlySet<ErrorCode> = new Set([
  'VHDX_LOCATOR_TYPE',
  'VHDX_LOCATOR_RESERVED',
  'VHDX_LOCATOR_TABLE',
  'VHDX_LOCATOR_ENTRY',
  'VHDX_LOCATOR_DUPLICATE',
  'VHDX_LOCATOR_LINKAGE',
  'VHDX_LOCATOR_PATH',
]);

export interface RebaseOptions {
  /** Take a parent with another identity: only right when it reads exactly as the old one did. */
  readonly ignoreMismatch?: boolean;
}

/** A disk as its children know it. */
export interface ParentIdentity {
  readonly path: string;
  readonly dataWriteGuid: string;
}

/**
 * Makes `parentPath` the parent of `childPath`.
 * @throws HyperfileError VHDX_NO_PARENT, VHDX_PARENT_MISMATCH, VHDX_PARENT_GEOMETRY, VHDX_CHAIN_CYCLE, VHDX_IN_USE,
 *   VHDX_METADATA_FULL, those of `openLayers` for the new parent, and VHDX_LOCATOR_* when the child has forgotten its
 *   parent's identity and nobody vouches for this one; the child is unchanged then.
 */
export function rebase(childPath: string, parentPath: string, options: RebaseOptions = {}): void {
  const locked = openLocked(childPath);
  try {
    const parents = openLayers(parentPath);
    closeLayers(parents);
    const [parent] = parents;
    const own = identityOf(locked.file.path);
    if (parents.some((layer) => identityOf(layer.path) === own)) {
      throw new HyperfileError('VHDX_CHAIN_CYCLE', { data: { path: locked.file.path } });
    }
    const damage = new LocatorDamage();
    const editor = openEditor(locked.file, undefined, damage);
    const { locator, geometry, metadata } = editor.layer;
    const data = { path: childPath, parent: parentPath };
    if (!metadata.hasParent) throw new HyperfileError('VHDX_NO_PARENT', { data });
    const [sectorBytes, parentSectorBytes] = [geometry, parent.geometry].map(
      (shape) => shape.logicalSectorBytes,
    );
    if (sectorBytes !== parentSectorBytes) {
      throw new HyperfileError('VHDX_PARENT_GEOMETRY', { data: { ...data, sectorBytes, parentSectorBytes } });
    }
    if (options.ignoreMismatch !== true && locator === undefined) throw damage.error();
    if (options.ignoreMismatch !== true && locator?.linkage.includes(parent.dataWriteGuid) === false) {
      const hint = 'If the disk below holds exactly what the old one held, say --ignore-id-mismatch.';
      throw new HyperfileError('VHDX_PARENT_MISMATCH', { data, hint });
    }
    relink(editor, parent);
    editor.finish();
  } finally {
    locked.close();
  }
}

/** Lets pass what is wrong with the item that is written anew, and nothing else. */
class LocatorDamage implements Findings {
  readonly isThorough = false;
  #first: Finding | undefined;

  report(finding: Finding): void {
    if (!REWRITTEN.has(finding.code)) return STRICT.report(finding);
    this.#first ??= finding;
  }

  /** Of a child whose parent could be any disk. */
  error(): HyperfileError {
    const { code, at, data } = errorOf(this.#first!);
    const hint = 'If the disk below is the one that this was made on, say --ignore-id-mismatch.';
    return new HyperfileError(code, { data, hint, ...(at !== undefined && { at }) });
  }
}

/**
 * Writes the parent's identity and its paths into a child; entries of others stay. Comes with the next commit.
 * @param mergesInto the identity that the parent gets while the child is merged into it
 */
export function relink(editor: Editor, parent: ParentIdentity, mergesInto?: string): void {
  const { locator, path: childPath } = editor.layer;
  const entries = new Map(locator?.entries);
  const fresh = locatorFor(path.resolve(childPath), parent.path, parent.dataWriteGuid);
  for (const key of ['parent_linkage2', ...PATH_KEYS]) if (!fresh.has(key)) entries.delete(key);
  for (const [key, value] of fresh) entries.set(key, value);
  if (mergesInto !== undefined) entries.set('parent_linkage2', `{${mergesInto}}`);
  editor.begin('file');
  replaceItem(editor, 'parentLocator', encodeLocator(entries));
}
