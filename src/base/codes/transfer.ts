import { errorTable } from '../error-entry.ts';

/** The error codes of `transfer`. */
export const transferCodes = errorTable({});
