import { errorTable } from '../error-entry.ts';

/** The error codes of `oci`. */
export const ociCodes = errorTable({});
