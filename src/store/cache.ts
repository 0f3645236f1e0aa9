/** Cache records and memos: what was found out before. Losing one only costs doing the work again. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import type { CacheRecord } from '../oci/image.ts';
import { cacheFile, isUnfinished, memoFile, type Layout } from './layout.ts';
import { accessError, listIfThere, parseRecord, readIfThere, removeIfThere, touch } from './read.ts';

export function readCacheRecord(layout: Layout, key: string): CacheRecord | undefined {
  return parseCacheRecord(readIfThere(cacheFile(layout, key)), key);
}

/** @throws HyperfileError DISK_FULL, STORE_ACCESS */
export function writeCacheRecord(layout: Layout, record: CacheRecord): void {
  write(cacheFile(layout, record.key), JSON.stringify(record));
}

/** Notes that a record was of use. */
export function touchCacheRecord(layout: Layout, key: string): void {
  touch(cacheFile(layout, key));
}

/** A cache record as a prune sees it. */
export interface StoredCacheRecord {
  readonly file: string;
  readonly usedMs: number;
  /** Absent when the file cannot be understood. */
  readonly record?: CacheRecord;
}

/** Every cache record there is. */
export function* listCacheRecords(layout: Layout): Iterable<StoredCacheRecord> {
  for (const folder of listIfThere(layout.cache)) {
    for (const name of listIfThere(path.join(layout.cache, folder))) {
      if (isUnfinished(name)) continue;
      const file = path.join(layout.cache, folder, name);
      const usedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
      if (usedMs === undefined) continue;
      const record = parseCacheRecord(readIfThere(file));
      yield { file, usedMs, ...(record !== undefined && { record }) };
    }
  }
}

/** A value remembered under a key, if it was. */
export function readMemo(layout: Layout, key: string): string | undefined {
  const file = memoFile(layout, key);
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  const value = parseRecord(text);
  if (value?.key !== key || typeof value.value !== 'string') return undefined;
  touch(file);
  return value.value;
}

/** @throws HyperfileError DISK_FULL, STORE_ACCESS */
export function writeMemo(layout: Layout, key: string, value: string): void {
  write(memoFile(layout, key), JSON.stringify({ key, value }));
}

/** Removes the memos that nobody asked for in the last `unusedMs`. */
export function forgetMemos(layout: Layout, unusedMs: number): void {
  const before = Date.now() - unusedMs;
  for (const folder of listIfThere(layout.memo)) {
    for (const name of listIfThere(path.join(layout.memo, folder))) {
      const file = path.join(layout.memo, folder, name);
      if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) <= before) removeIfThere(file);
    }
  }
}

function write(file: string, text: string): void {
  try {
    replaceFile(file, text);
  } catch (error) {
    throw accessError(file, error);
  }
}

/** A record torn by a power cut reads as none at all. */
function parseCacheRecord(text: string | undefined, key?: string): CacheRecord | undefined {
  const value = text === undefined ? undefined : parseRecord(text);
  if (typeof value?.key !== 'string' || typeof value.created !== 'string') return undefined;
  if (key !== undefined && value.key !== key) return undefined;
  if (value.layer !== undefined && typeof value.layer !== 'string') return undefined;
  return value as unknown as CacheRecord;
}
