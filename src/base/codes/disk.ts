import { errorTable } from '../error-entry.ts';

/** The error codes of `disk`. */
export const diskCodes = errorTable({
});
