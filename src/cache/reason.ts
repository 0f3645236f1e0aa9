/** Any error as one line for people, with what to do about it if that is known. */
import { isHyperfileError, systemCode } from '../base/error.ts';

export function reasonOf(error: unknown): { readonly message: string; readonly hint?: string } {
  if (isHyperfileError(error)) return { message: oneLine(error.message), hint: error.hint };
  const text = error instanceof Error ? error.message : String(error);
  const code = systemCode(error);
  return { message: oneLine(code === undefined || text.includes(code) ? text : `${text} (${code})`) };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
