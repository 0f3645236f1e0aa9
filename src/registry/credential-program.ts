/**
 * Programs that keep credentials, `docker-credential-NAME` (the protocol of docker-credential-helpers): a verb as
 * argument, text or JSON on standard input and output. Secrets go through the pipes only.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { runTool, type ToolResult } from '../base/process.ts';

export interface HelperEntry {
  readonly username: string;
  readonly secret: string;
}

/** A helper that waits for somebody to type something would wait for ever. */
const ANSWER_MS = 60_000;
const NAME = /^\w[\w.-]*$/;
/** How helpers say that they know nothing of a registry, on standard output. */
const NOT_FOUND = /credentials not found/i;
const MAX_REASON_CHARACTERS = 300;

export class CredentialHelper {
  readonly name: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @throws HyperfileError REGISTRY_HELPER_FAILED for a name that is no program's */
  constructor(name: string, env: NodeJS.ProcessEnv) {
    if (!NAME.test(name)) throw failed(name, 'this is not the name of a program');
    this.name = `docker-credential-${name}`;
    this.#env = env;
  }

  /** @throws HyperfileError REGISTRY_HELPER_FAILED, as all of these */
  async get(key: string): Promise<HelperEntry | undefined> {
    const { status, stdout } = await this.#run('get', key);
    if (status !== 0) return undefined;
    const { Username, Secret } = this.#parse(stdout);
    if (typeof Username !== 'string' || typeof Secret !== 'string')
      throw failed(this.name, 'its answer has no Username or no Secret');
    return { username: Username, secret: Secret };
  }

  async store(key: string, { username, secret }: HelperEntry): Promise<void> {
    await this.#run('store', JSON.stringify({ ServerURL: key, Username: username, Secret: secret }), secret);
  }

  /** @returns whether there was anything to erase */
  async erase(key: string): Promise<boolean> {
    return (await this.#run('erase', key)).status === 0;
  }

  /** User names by registry. */
  async list(): Promise<Record<string, string>> {
    const { status, stdout } = await this.#run('list', '');
    const entries = status === 0 ? Object.entries(this.#parse(stdout)) : [];
    return Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  }

  /** Status 0, or 1 when nothing is known of the key. */
  async #run(verb: string, input: string, secret?: string): Promise<ToolResult> {
    const options = { env: this.#env, input, accept: [0, 1], signal: AbortSignal.timeout(ANSWER_MS) };
    let result: ToolResult;
    try {
      result = await runTool(this.name, [verb], options);
    } catch (error) {
      // No cause: the program's words may hold what it was told.
      if (isHyperfileError(error, 'TOOL_MISSING'))
        throw failed(this.name, 'there is no such program on PATH');
      if (isHyperfileError(error, 'INTERRUPTED')) throw failed(this.name, 'it gave no answer');
      if (!isHyperfileError(error, 'TOOL_FAILED')) throw error;
      throw failed(this.name, clipped(String(error.data.output ?? ''), secret));
    }
    const { status, stdout, stderr } = result;
    if (status === 0 || NOT_FOUND.test(stdout)) return result;
    throw failed(this.name, clipped(stdout.trim() || stderr, secret));
  }

  #parse(text: string): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      // Said below: a parser's message quotes the text, and that may hold a secret.
    }
    throw failed(this.name, 'its answer is not JSON');
  }
}

function clipped(output: string, secret: string | undefined): string {
  const safe = secret ? output.replaceAll(secret, '***') : output;
  return (
    safe
      .replace(/[\p{C}\s]+/gu, ' ')
      .trim()
      .slice(0, MAX_REASON_CHARACTERS) || 'it ended with an error'
  );
}

function failed(helper: string, reason: string): HyperfileError {
  return new HyperfileError('REGISTRY_HELPER_FAILED', { data: { helper, reason } });
}
