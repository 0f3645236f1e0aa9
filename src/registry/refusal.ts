/** Why a registry refused something, in its own words (distribution-spec, "Error Codes"). */
import type { RegistryResponse } from './client.ts';

/** An honest explanation is short. */
const MAX_ANSWER_BYTES = 64 << 10;
const MAX_REASON_CHARACTERS = 300;

export interface Refusal {
  /** The specification's codes: `DIGEST_INVALID`, ... */
  readonly codes: readonly string[];
  /** For people: on one line, without control characters. */
  readonly reason: string;
}

/** Reads the answer to its end. */
export async function refusalReason(response: RegistryResponse): Promise<Refusal> {
  const status = `status ${response.status}`;
  try {
    const text = Buffer.from(await response.bytes(MAX_ANSWER_BYTES)).toString();
    const { errors } = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] };
    const entries = Array.isArray(errors) ? errors : [];
    const codes = entries.flatMap(({ code }) => (typeof code === 'string' ? [code] : []));
    const messages = entries.map(({ code, message }) => [code, message].filter(isText).join(': '));
    return { codes, reason: oneLine(messages.filter(isText).join('; ')) || status };
  } catch {
    return { codes: [], reason: status };
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function oneLine(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_REASON_CHARACTERS);
}
