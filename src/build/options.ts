/** What a build is asked to do, in Docker's terms. */
import type { Platform } from '../plan/platform.ts';
import type { SecretSource } from './secrets.ts';

export interface BuildOptions {
  /** The folder whose files COPY and ADD see. */
  readonly contextPath: string;
  /** The recipe's file; default `Hyperfile` in the context, else `Dockerfile`. */
  readonly recipePath?: string;
  /** The recipe itself (from standard input), instead of a file. */
  readonly recipeText?: string;
  readonly tags: readonly string[];
  /** Stage to build; default the last. */
  readonly target?: string;
  /** What is built for: which of several images FROM takes where it does not say itself. */
  readonly platform?: Platform;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Look for newer bases even when one is in the store. */
  readonly pull: boolean;
  /** Virtual size of disks made for new bases. */
  readonly diskSizeBytes: number;
  /** Driver by name; default: the host's. */
  readonly driver?: string;
  /** Of the driver, by key (`--driver-opt`); each driver says which it knows. */
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** Where secrets are read from, by id, when somebody first asks for one. `guest` lets the build into guests. */
  readonly secrets?: Readonly<Record<string, SecretSource>>;
  /** Caches elsewhere that are asked for steps the store does not have, as written (`type=registry,ref=...`). */
  readonly cacheFrom?: readonly string[];
  /** Caches elsewhere that get the steps of this build, as written. */
  readonly cacheTo?: readonly string[];
  /** Push the image under its tags when it is built. */
  readonly push?: boolean;
  /** Bring the image into the store, also when a push alone would not need it there. */
  readonly load?: boolean;
  /** Say of each step where its result came from, or why it had to run. */
  readonly explain?: boolean;
  /** Allow plain HTTP and certificates that nobody vouches for. */
  readonly insecure?: boolean;
}

/** 64 GiB: Windows' usual guess for a system disk; only what is written takes space. */
export const DEFAULT_DISK_BYTES = 64 * 1024 ** 3;
