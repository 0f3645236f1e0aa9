import { errorTable } from '../error-entry.ts';

/** The error codes of `blob`. */
export const blobCodes = errorTable({});
