import { errorTable } from '../error-entry.ts';

/** The error codes of `registry`. */
export const registryCodes = errorTable({});
