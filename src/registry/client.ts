/** One registry, spoken to over HTTP: requests below its `/v2/`, with credentials, retries and the right certificates. */

/** What a request may do to a repository: the scope of the token it needs. */
export interface RequestScope {
  /** Path of the repository in the registry, without the host. */
  readonly repository: string;
  readonly push?: boolean;
  /** Other repositories that must be readable (for a mount). */
  readonly alsoPull?: readonly string[];
}

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** `/v2/...`, or what a Location header said (relative or absolute). */
  readonly url: string;
  readonly scope: RequestScope;
  readonly headers?: Readonly<Record<string, string>>;
  /** A body that can be made again when the request is. */
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** Length of a streamed body. */
  readonly bodyBytes?: number;
  /** Statuses that are answers; any other becomes an error with its own code. */
  readonly accept: readonly number[];
  readonly signal?: AbortSignal;
  /** False: never sent twice (a streamed upload, whose sender resumes it). Default true. */
  readonly retry?: boolean;
}

export interface RegistryResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Read it to the end or call `discard`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** At most `limitBytes`. @throws HyperfileError REGISTRY_ANSWER_TOO_LARGE */
  bytes(limitBytes: number): Promise<Uint8Array>;
  discard(): Promise<void>;
}

export interface RegistryClient {
  /** With its port. */
  readonly host: string;
  /**
   * @throws HyperfileError REGISTRY_UNREACHABLE, REGISTRY_UNAUTHORIZED, REGISTRY_DENIED, REGISTRY_NOT_FOUND,
   *   REGISTRY_RATE_LIMITED, REGISTRY_FAILED, INTERRUPTED
   */
  send(request: RegistryRequest): Promise<RegistryResponse>;
  close(): Promise<void>;
}
