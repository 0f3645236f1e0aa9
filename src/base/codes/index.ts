/** The one table of error codes: every area's codes, merged. */
import { buildCodes } from './build.ts';
import { cliCodes } from './cli.ts';
import { diskCodes } from './disk.ts';
import { driverCodes } from './driver.ts';
import { fsCodes } from './fs.ts';
import { fuseCodes } from './fuse.ts';
import { generalCodes } from './general.ts';
import { languageCodes } from './language.ts';
import { planCodes } from './plan.ts';
import { storeCodes } from './store.ts';
import { vhdxCodes } from './vhdx.ts';

export const ERROR_CODES = {
  ...generalCodes,
  ...languageCodes,
  ...planCodes,
  ...diskCodes,
  ...vhdxCodes,
  ...fsCodes,
  ...fuseCodes,
  ...storeCodes,
  ...driverCodes,
  ...buildCodes,
  ...cliCodes,
};

export type ErrorCode = keyof typeof ERROR_CODES;
