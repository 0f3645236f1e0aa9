/** Which edition of Windows on a medium a recipe means. */
import { HyperfileError } from '../../../base/error.ts';
import { suggest } from '../../../base/suggest.ts';
import type { Edition } from './operations.ts';

/**
 * @param wanted a name, in any case, or a number; absent: the only one
 * @throws HyperfileError INSTALL_EDITION_UNKNOWN, INSTALL_EDITION_AMBIGUOUS
 */
export function chooseEdition(
  editions: readonly Edition[],
  wanted: string | undefined,
  mediumPath: string,
): Edition {
  const fitting = wanted === undefined ? editions : editionsOf(editions, wanted.trim());
  if (fitting.length === 1) return fitting[0];
  const data = { path: mediumPath, editions: listOf(fitting.length > 1 ? fitting : editions) };
  if (wanted === undefined || fitting.length > 1)
    throw new HyperfileError('INSTALL_EDITION_AMBIGUOUS', { data });
  const names = editions.map(({ name }) => name);
  const near = suggest(wanted, names) ?? onlyOneWith(names, wanted);
  const suggestion = near === undefined ? '' : `, did you mean "${near}"?`;
  throw new HyperfileError('INSTALL_EDITION_UNKNOWN', { data: { ...data, edition: wanted, suggestion } });
}

/** A name that looks like a number is one only where no edition is called so. */
function editionsOf(editions: readonly Edition[], wanted: string): Edition[] {
  const named = editions.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (named.length > 0 || !/^\d+$/.test(wanted)) return named;
  return editions.filter(({ index }) => index === Number(wanted));
}

/** `Education` means `Windows 11 Education` where no other name has that word at its end. */
function onlyOneWith(names: readonly string[], ending: string): string | undefined {
  const found = names.filter((name) => name.toLowerCase().endsWith(` ${ending.toLowerCase()}`));
  return found.length === 1 ? found[0] : undefined;
}

function listOf(editions: readonly Edition[]): string {
  return editions.map(({ index, name }) => `${index} "${name}"`).join(', ');
}
