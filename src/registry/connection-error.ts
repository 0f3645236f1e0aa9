/** What went wrong on the way to a server, as an error of ours. */
import { HyperfileError, systemCode } from '../base/error.ts';

/** Codes of Node, of undici and of OpenSSL, and what they mean to people. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing answers at this address',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  ETIMEDOUT: 'no connection came about in time',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to its network',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of an answer',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer has another length than it said',
  UND_ERR_HEADERS_OVERFLOW: 'the head of its answer is too long',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
};

/** OpenSSL's and Node's names for certificates that do not hold. */
const UNTRUSTED =
  /^(?:CERT_|ERR_TLS_CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|ERROR_IN_CERT_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/;
const ABSENT = /^(?:ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH)$/;
const NO_TLS = /^EPROTO$|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE/;

/** @returns INTERRUPTED, REGISTRY_TLS_UNTRUSTED or REGISTRY_UNREACHABLE; an error of ours as it is */
export function connectionError(error: unknown, url: URL, signal: AbortSignal | undefined): HyperfileError {
  if (error instanceof HyperfileError) return error;
  if (signal?.aborted) return new HyperfileError('INTERRUPTED', { cause: error });
  const code = rootCode(error);
  const registry = url.host;
  if (UNTRUSTED.test(code)) {
    const reason = code.toLowerCase().replaceAll('_', ' ');
    return new HyperfileError('REGISTRY_TLS_UNTRUSTED', { data: { registry, reason }, cause: error });
  }
  const refusal = proxyRefusal(error);
  if (refusal !== undefined) {
    const reason =
      refusal === 407
        ? 'the proxy asks for a user name and password'
        : `the proxy answers with status ${refusal}`;
    const hint = 'Write them into HTTPS_PROXY, as in http://USER:PASSWORD@proxy.example:3128.';
    const data = { registry, reason };
    return new HyperfileError('REGISTRY_UNREACHABLE', {
      data,
      cause: error,
      ...(refusal === 407 && { hint }),
    });
  }
  return new HyperfileError('REGISTRY_UNREACHABLE', {
    data: { registry, reason: REASONS[code] ?? reasonOf(error) },
    cause: error,
    ...(NO_TLS.test(code) && {
      hint: `If it speaks plain HTTP and the way to it is safe, use --insecure or HYPERFILE_INSECURE_REGISTRIES=${registry}.`,
    }),
  });
}

/** The status with which a proxy on the way refused to pass anything on; undefined when none did. */
export function proxyRefusal(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  // undici has no code of its own for this.
  const status = /^Proxy response \((\d{3})\)/.exec(error.message)?.[1];
  return status === undefined ? proxyRefusal(error.cause) : Number(status);
}

/** Whether there is nothing at the address: no such host, no way to it, nobody who listens. */
export function isAbsence(error: HyperfileError): boolean {
  return ABSENT.test(rootCode(error.cause));
}

/** Whether a server turned out to speak no TLS. */
export function spokeNoTls(error: unknown): boolean {
  return error instanceof HyperfileError && NO_TLS.test(rootCode(error.cause));
}

/** The innermost cause that has a code: undici wraps, and Node collects what it tried one after the other. */
function rootCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const inner = error instanceof AggregateError ? (error.errors as unknown[])[0] : error.cause;
  return rootCode(inner) || (systemCode(error) ?? '');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'HTTPParserError' ? 'it does not speak HTTP' : error.message;
}
