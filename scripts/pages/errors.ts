/** docs/errors/: what each error code means and what to do, from the one table. */
import { ERROR_CODES } from '../../src/base/codes/index.ts';
import type { ErrorEntry } from '../../src/base/error-entry.ts';
import { EXIT_MEANINGS } from '../../src/cli/exit-statuses.ts';

/** Markdown by path from the root. */
export function errorPages(): Map<string, string> {
  const entries: [string, ErrorEntry][] = Object.entries(ERROR_CODES);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  const pages = new Map(entries.map(([code, entry]) => [`docs/errors/${code}.md`, errorPage(code, entry)]));
  return pages.set('docs/errors/README.md', indexPage(entries));
}

function errorPage(code: string, { exit, message, why, todo }: ErrorEntry): string {
  return `# ${code}

> ${showPlaces(message)}

Exit status ${exit}: ${EXIT_MEANINGS[exit]}.

**Why.** ${why}

**What to do.** ${todo}
`;
}

function indexPage(entries: readonly (readonly [string, ErrorEntry])[]): string {
  const rows = entries.map(
    ([code, { exit, message }]) =>
      `| [${code}](${code}.md) | ${exit} | ${showPlaces(message).replaceAll('|', '\\|')} |`,
  );
  return `# Errors

Every error that Hyperfile prints ends with its code; its page says why it happens and what to do.
Words in *slanted letters* stand for what the error happened to.

| code | exit status | message |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function showPlaces(message: string): string {
  return message.replace(/[<*_]/g, '\\$&').replace(/\{(\w+)\}/g, '*$1*');
}
