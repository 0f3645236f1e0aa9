import { errorTable } from '../error-entry.ts';

/** The error codes of `language`. */
export const languageCodes = errorTable({
});
