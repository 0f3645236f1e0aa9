import { errorTable } from '../error-entry.ts';

/** The error codes of `fuse`. */
export const fuseCodes = errorTable({
});
