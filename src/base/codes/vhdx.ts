import { errorTable } from '../error-entry.ts';

/** The error codes of `vhdx`. */
export const vhdxCodes = errorTable({
});
