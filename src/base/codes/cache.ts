import { errorTable } from '../error-entry.ts';

/** The error codes of `cache`. */
export const cacheCodes = errorTable({});
