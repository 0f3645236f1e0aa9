/**
 * Which system this process runs on: the one place that asks, at every call, so that a test can pose as another
 * (test/support/pose-as.ts). What only computes takes the platform as an argument instead.
 */
import path from 'node:path';

export function hostSystem(): NodeJS.Platform {
  return process.platform;
}

export function isOnWindows(): boolean {
  return hostSystem() === 'win32';
}

/** How paths of a platform are written and taken apart. */
export function pathsOf(platform: NodeJS.Platform): path.PlatformPath {
  return platform === 'win32' ? path.win32 : path.posix;
}
