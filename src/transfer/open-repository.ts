/** Opens whatever place a location means. What speaks to registries is loaded only when one is meant. */
import type { Location, RegistryLocation } from '../oci/location.ts';
import type { Repository } from '../oci/repository.ts';

export interface OpenRepositoryOptions {
  /** Where credentials, proxies, certificates and the registries that may be spoken to in the clear are found. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Allows plain HTTP and certificates that nobody vouches for. */
  readonly insecure?: boolean;
  /** Is told what a user should know and what is no failure. */
  readonly onNotice?: (message: string) => void;
  /** The place is written to: folders and archives are made where there are none. */
  readonly create?: boolean;
}

/**
 * Close it when done: an archive is written then.
 *
 * @throws HyperfileError of what is opened: that a folder or file is none of the kind; nothing is asked of a registry yet
 */
export async function openRepository(
  location: Location,
  options: OpenRepositoryOptions,
): Promise<Repository> {
  switch (location.kind) {
    case 'registry':
      return openRegistry(location, options);
    case 'oci': {
      const { openLayout } = await import('../oci/layout.ts');
      return openLayout(location.path, { create: options.create ?? false });
    }
    case 'oci-archive': {
      const { createArchive, openArchiveForReading } = await import('../oci/archive.ts');
      return options.create === true ? createArchive(location.path) : openArchiveForReading(location.path);
    }
    case 'docker-archive': {
      const { openDockerArchive } = await import('../oci/docker-archive.ts');
      return openDockerArchive(location.path);
    }
  }
}

async function openRegistry(
  { reference }: RegistryLocation,
  { env, signal, insecure, onNotice }: OpenRepositoryOptions,
): Promise<Repository> {
  const [{ resolveRegistry }, { createRegistryClient }, { openRegistryRepository }] = await Promise.all([
    import('../registry/default-registry.ts'),
    import('../registry/http-client.ts'),
    import('../registry/repository.ts'),
  ]);
  const { host, path } = resolveRegistry(reference, env);
  const client = createRegistryClient(host, {
    env,
    signal,
    ...(insecure !== undefined && { insecure }),
    ...(onNotice !== undefined && { onNotice }),
  });
  return openRegistryRepository(client, path);
}
