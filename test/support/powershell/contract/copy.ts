/** `node test/support/powershell/contract/copy.ts` takes ../shared's list over into test/fixtures. */
import { readFileSync, writeFileSync } from 'node:fs';
import { compactContract, CONTRACT_PATH, SHARED_CONTRACT_PATH } from './contract.ts';

writeFileSync(CONTRACT_PATH, compactContract(readFileSync(SHARED_CONTRACT_PATH, 'utf8')));
