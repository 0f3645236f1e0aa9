/** The public API. Everything else is internal and may change. */
export { ERROR_CODES, type ErrorCode } from './base/codes/index.ts';
export type { ErrorEntry, ExitStatus } from './base/error-entry.ts';
export { HyperfileError, isHyperfileError, type SourceLocation } from './base/error.ts';
export type { Listener, Progress } from './base/events.ts';
export { storeFolder } from './base/paths.ts';
export { build, type BuildIo, type BuildResult } from './build/build.ts';
export type { BuildEvent, BuiltImage, StepError, StepId } from './build/events.ts';
export { exportImage, type ExportIo, type ExportOptions, type ExportResult } from './build/export.ts';
export { importImage, type ImportOptions } from './build/import.ts';
export { DEFAULT_DISK_BYTES, type BuildOptions } from './build/options.ts';
export type { GuestConfig, HistoryEntry, ImageConfig, LayerRecord } from './oci/image.ts';
export { Store, type StoreLease, type StoreOptions } from './store/store.ts';
