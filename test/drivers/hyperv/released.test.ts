/** Files that Hyper-V lets go of a moment after it says so. */
import { expect, test, vi } from 'vitest';
import { HyperfileError } from '../../../src/base/error.ts';
import { unlessHeld, whenReleased } from '../../../src/drivers/hyperv/released.ts';
import { poseAs } from '../../support/pose-as.ts';

/** As the engine reports what Node reports of Windows. */
function refusal(code: string): HyperfileError {
  const cause = Object.assign(new Error(code), { code });
  return new HyperfileError('DISK_IO', { data: { path: 'a', action: 'open', problem: code }, cause });
}

function failing(times: number, error: Error): () => string {
  return vi.fn(() => {
    if (times-- > 0) throw error;
    return 'done';
  });
}

test('what Windows refuses for a moment is done after it', async () => {
  poseAs('win32');
  for (const code of ['EBUSY', 'EPERM', 'EACCES']) {
    const work = failing(3, refusal(code));
    expect(await whenReleased(work)).toBe('done');
    expect(work).toHaveBeenCalledTimes(4);
  }
});

test('what fails for another reason, or on another system, fails at once', async () => {
  poseAs('win32');
  const work = failing(1, refusal('EIO'));
  await expect(whenReleased(work)).rejects.toMatchObject({ code: 'DISK_IO' });
  poseAs('linux');
  await expect(whenReleased(failing(1, refusal('EBUSY')))).rejects.toMatchObject({ code: 'DISK_IO' });
  expect(work).toHaveBeenCalledTimes(1);
});

test('what is held for longer than one has patience is told of, or left to the next command', async () => {
  poseAs('win32');
  const held = whenReleased(failing(Infinity, refusal('EBUSY')), 50);
  await expect(held).rejects.toMatchObject({ code: 'DISK_IO' });
  await expect(held.catch(unlessHeld)).resolves.toBeUndefined();
  await expect(whenReleased(failing(1, refusal('EBUSY')), 0)).rejects.toMatchObject({ code: 'DISK_IO' });
  const other = whenReleased(failing(1, refusal('EIO')));
  await expect(other.catch(unlessHeld)).rejects.toMatchObject({ code: 'DISK_IO' });
});

test('a disk that Hyper-V still has is waited for on every system', async () => {
  const inUse = new HyperfileError('HYPERV_IN_USE', { data: { target: 'a.vhdx', message: 'in use' } });
  expect(await whenReleased(failing(2, inUse))).toBe('done');
});
