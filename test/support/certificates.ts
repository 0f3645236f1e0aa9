/** Certificates for tests, made with openssl: a small authority and what it signed for this host. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface TestCertificate {
  /** Files in PEM. */
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The certificate as an `x5c` header of a JWT holds it. */
  readonly x5c: readonly string[];
}

/** A certificate for localhost and 127.0.0.1, for a server or a client, below `folder`. */
export function makeCertificate(folder: string, name = 'server'): TestCertificate {
  const file = (suffix: string): string => path.join(folder, `${name}${suffix}`);
  const extensions = file('.ext');
  writeFileSync(
    extensions,
    'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  openssl(
    'req',
    '-x509',
    '-days',
    '30',
    ...KEY,
    '-keyout',
    file('-ca.key'),
    '-out',
    file('-ca.crt'),
    ...TITLE('test authority'),
  );
  openssl('req', ...KEY, '-keyout', file('.key'), '-out', file('.csr'), ...TITLE('localhost'));
  const signed = ['-in', file('.csr'), '-CA', file('-ca.crt'), '-CAkey', file('-ca.key'), '-CAcreateserial'];
  openssl('x509', '-req', ...signed, '-days', '30', '-extfile', extensions, '-out', file('.crt'));
  return {
    authorityFile: file('-ca.crt'),
    certificateFile: file('.crt'),
    keyFile: file('.key'),
    x5c: [readFileSync(file('.crt'), 'utf8').replace(/-----[^-]+-----|\s/g, '')],
  };
}

const KEY = ['-newkey', 'rsa:2048', '-nodes'];
const TITLE = (name: string): string[] => ['-subj', `/CN=${name}`];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
