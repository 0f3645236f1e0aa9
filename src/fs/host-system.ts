/** Whose rules the files of this host follow; the one place where it is asked, so that tests can say it. */

export type HostSystem = 'windows' | 'linux' | 'other';

export const HOST_SYSTEM: HostSystem =
  process.platform === 'win32' ? 'windows' : process.platform === 'linux' ? 'linux' : 'other';
