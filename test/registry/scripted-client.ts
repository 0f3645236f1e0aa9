/** A client whose registry is a function: for answers that no real registry gives. */
import { HyperfileError } from '../../src/base/error.ts';
import type { RegistryClient, RegistryRequest } from '../../src/registry/client.ts';

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface ScriptedClient extends RegistryClient {
  readonly requests: RegistryRequest[];
}

export function scriptedClient(answer: (request: RegistryRequest) => ScriptedAnswer): ScriptedClient {
  const requests: RegistryRequest[] = [];
  return {
    host: 'registry.example:5000',
    requests,
    async send(request) {
      requests.push(request);
      if (typeof request.body === 'function') for await (const _ of request.body());
      const { status = 200, headers = {}, body = '' } = answer(request);
      const bytes = Buffer.from(body);
      if (!request.accept.includes(status))
        throw new HyperfileError('REGISTRY_FAILED', { data: { registry: 'registry.example:5000', status } });
      return {
        status,
        headers,
        url: new URL(request.url, 'https://registry.example:5000').href,
        body: Promise.resolve([bytes]) as never,
        bytes: (limitBytes) =>
          bytes.length > limitBytes
            ? Promise.reject(new HyperfileError('REGISTRY_ANSWER_TOO_LARGE'))
            : Promise.resolve(bytes),
        discard: () => Promise.resolve(),
      };
    },
    close: () => Promise.resolve(),
  };
}
