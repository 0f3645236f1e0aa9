import { errorTable } from '../error-entry.ts';

/** The error codes of `fs`. */
export const fsCodes = errorTable({
});
