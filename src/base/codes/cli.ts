import { errorTable } from '../error-entry.ts';

/** The error codes of `cli`. */
export const cliCodes = errorTable({
});
