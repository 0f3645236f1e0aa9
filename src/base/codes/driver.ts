import { errorTable } from '../error-entry.ts';

/** The error codes of `driver`. */
export const driverCodes = errorTable({
});
