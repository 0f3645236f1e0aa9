/**
 * Why Hyper-V refuses a disk. It says so in the language of the host, with an identifier that it has for every failure
 * and no code; the engine reads the same files, and knows which of them it is and what to do.
 */
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import { openChain } from '../../vhdx/chain.ts';

/**
 * Does something with a disk that Hyper-V has to open.
 *
 * @throws HyperfileError VHDX_* where the chain of the disk is broken (VHDX_PARENT_MISMATCH: a parent was written to since
 *   the disk above it was made), and else what `work` throws
 */
export async function withReason<T>(diskPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Every other code says what it is.
    throw (isHyperfileError(error, 'POWERSHELL_FAILED') && reasonIn(diskPath, error)) || error;
  }
}

/** Undefined where the engine sees nothing wrong, or cannot look because somebody has the disk. */
function reasonIn(diskPath: string, refusal: HyperfileError): HyperfileError | undefined {
  try {
    openChain(diskPath).close();
    return undefined;
  } catch (error) {
    if (!isHyperfileError(error) || !error.code.startsWith('VHDX_')) return undefined;
    const { code, data, at, hint } = error;
    return new HyperfileError(code, { data, hint, cause: refusal, ...(at !== undefined && { at }) });
  }
}
