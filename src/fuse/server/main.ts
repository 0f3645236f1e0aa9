/** The disk server's program: the FUSE side joined with the VHDX engine. Its argument is its owner's process id. */
import { openChain } from '../../vhdx/chain.ts';
import { openSandbox } from '../../vhdx/sandbox.ts';
import type { OpenDisk } from './engine.ts';
import { runDiskServer } from './run.ts';

const openVhdx: OpenDisk = ({ chain, sandboxPath }) =>
  sandboxPath === undefined
    ? { writable: false, disk: openChain(chain) }
    : { writable: true, disk: openSandbox({ chain, sandboxPath }) };

runDiskServer(openVhdx, Number(process.argv[2]));
