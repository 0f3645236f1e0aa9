import { expect, test } from 'vitest';
import { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';

test.each(['ntfs', 'refs'])(
  'a guest whose root is on %s is refused before anything is made',
  async (type) => {
    const driver = new NamespaceDriver({ stateFolder: '/nowhere' });
    const root = { offset: 0, length: 1024 ** 2, type };
    const request = { chain: ['/nowhere/base.vhdx'], sandboxPath: '/nowhere/sandbox.vhdx', root };
    await expect(driver.open(request)).rejects.toMatchObject({ code: 'DRIVER_WINDOWS_GUEST', exitStatus: 5 });
    await driver.close();
  },
);
