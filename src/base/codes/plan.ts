import { errorTable } from '../error-entry.ts';

/** The error codes of `plan`. */
export const planCodes = errorTable({
});
