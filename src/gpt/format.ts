/** GUID partition tables: the structures of the UEFI specification 2.10, section 5.3, and of the MBR (5.2). */
import { ENTRY_BYTES } from './table-size.ts';
import { ascii, bytes, guid, size64, struct, u32, u64, type Decoded } from '../bytes/struct.ts';

export const GPT_SIGNATURE = 'EFI PART';
export const GPT_REVISION = 0x0001_0000;
export const GPT_HEADER_BYTES = 92;

export const gptHeader = struct(GPT_HEADER_BYTES, {
  signature: ascii(0, 8),
  revision: u32(8),
  headerBytes: u32(12),
  headerCrc: u32(16),
  ownSector: size64(24),
  otherSector: size64(32),
  firstUsableSector: size64(40),
  lastUsableSector: size64(48),
  diskGuid: guid(56),
  entriesSector: size64(72),
  entryCount: u32(80),
  entryBytes: u32(84),
  entriesCrc: u32(88),
});
export type GptHeader = Decoded<typeof gptHeader>;

export const gptEntry = struct(ENTRY_BYTES, {
  type: guid(0),
  id: guid(16),
  firstSector: size64(32),
  /** Inclusive. */
  lastSector: size64(40),
  attributes: u64(48),
  /** UTF-16LE, padded with zeros. */
  name: bytes(56, 72),
});

/** Partition types, lower case as everywhere in this project. */
export const PARTITION_TYPE = {
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  microsoftReserved: 'e3c9e316-0b5c-4db8-817d-f92df00215ae',
  microsoftBasicData: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
  linuxFileSystem: '0fc63daf-8483-4772-8e79-3d69d8477de4',
  /** The Discoverable Partitions Specification's roots. */
  linuxRootX64: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
  linuxRootArm64: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
} as const;

export const MBR_BYTES = 512;
export const MBR_TYPE_PROTECTIVE = 0xee;

/** Of a partition that says itself that it is the root of a Linux (Discoverable Partitions Specification). */
export const LINUX_ROOT_TYPES: readonly string[] = [
  PARTITION_TYPE.linuxRootX64,
  PARTITION_TYPE.linuxRootArm64,
];
