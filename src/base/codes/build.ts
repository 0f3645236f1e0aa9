import { errorTable } from '../error-entry.ts';

/** The error codes of `build`. */
export const buildCodes = errorTable({
});
