/** A web proxy with a password, as companies have them; every host that it is asked for is the registry of the test. */
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

const ACCOUNT = 'me:proxy-secret-5';

export interface WebProxy {
  /** With the password. */
  readonly url: string;
  readonly password: string;
  /** What it was asked for: `CONNECT host:port`, `GET http://host:port/path`. */
  readonly asked: readonly string[];
  stop(): void;
}

/** @param target `127.0.0.1:PORT` */
export async function startWebProxy(target: string): Promise<WebProxy> {
  const asked: string[] = [];
  const port = Number(target.split(':')[1]);
  const wanted = `Basic ${Buffer.from(ACCOUNT).toString('base64')}`;
  const isKnown = ({ headers }: IncomingMessage) => headers['proxy-authorization'] === wanted;
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    if (!isKnown(incoming)) return void response.writeHead(407).end();
    const { pathname, search } = new URL(incoming.url ?? '');
    const { method, headers } = incoming;
    const onward = request({ port, method, headers, path: pathname + search, setHost: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    socket.on('error', () => undefined);
    if (!isKnown(incoming)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://${ACCOUNT}@127.0.0.1:${own}`,
    password: ACCOUNT.slice(ACCOUNT.indexOf(':') + 1),
    asked,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
