/** What EXPOSE takes, once its variables are filled in. */
import { HyperfileError, type SourceLocation } from '../base/error.ts';

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([A-Za-z]+))?$/;
const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/**
 * `8000-8001/udp` as `8000/udp`, `8001/udp`; the protocol in lower case, tcp when none is named.
 *
 * @throws HyperfileError LANG_PORT
 */
export function parsePorts(text: string, at?: SourceLocation): string[] {
  const ports = portsOf(text);
  if (!ports) throw new HyperfileError('LANG_PORT', { data: { value: text }, ...(at && { at }) });
  return ports;
}

/** As {@link parsePorts}; undefined for what is no port. */
export function portsOf(text: string): string[] | undefined {
  const [, first = '', last = first, protocol = 'tcp'] = PORTS.exec(text) ?? [];
  const from = Number(first);
  const to = Number(last);
  const name = protocol.toLowerCase();
  if (from < 1 || to > 65535 || from > to || !PROTOCOLS.includes(name)) return undefined;
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${name}`);
}
