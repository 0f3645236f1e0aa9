/** The one table of error codes: every area's codes, merged. */
import { blobCodes } from './blob.ts';
import { buildCodes } from './build.ts';
import { cacheCodes } from './cache.ts';
import { cliCodes } from './cli.ts';
import { diskCodes } from './disk.ts';
import { driverCodes } from './driver.ts';
import { fsCodes } from './fs.ts';
import { fuseCodes } from './fuse.ts';
import { generalCodes } from './general.ts';
import { hypervCodes } from './hyperv.ts';
import { installCodes } from './install.ts';
import { languageCodes } from './language.ts';
import { ociCodes } from './oci.ts';
import { planCodes } from './plan.ts';
import { powershellCodes } from './powershell.ts';
import { registryCodes } from './registry.ts';
import { secretCodes } from './secret.ts';
import { storeCodes } from './store.ts';
import { transferCodes } from './transfer.ts';
import { vhdxChangeCodes } from './vhdx-changes.ts';
import { vhdxTableCodes } from './vhdx-tables.ts';
import { vhdxCodes } from './vhdx.ts';

export const ERROR_CODES = {
  ...generalCodes,
  ...languageCodes,
  ...planCodes,
  ...diskCodes,
  ...vhdxCodes,
  ...vhdxTableCodes,
  ...vhdxChangeCodes,
  ...fsCodes,
  ...fuseCodes,
  ...storeCodes,
  ...driverCodes,
  ...powershellCodes,
  ...hypervCodes,
  ...installCodes,
  ...buildCodes,
  ...secretCodes,
  ...ociCodes,
  ...blobCodes,
  ...registryCodes,
  ...transferCodes,
  ...cacheCodes,
  ...cliCodes,
};

export type ErrorCode = keyof typeof ERROR_CODES;
