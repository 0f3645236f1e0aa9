import { errorTable } from '../error-entry.ts';

/** The error codes of `store`. */
export const storeCodes = errorTable({
});
