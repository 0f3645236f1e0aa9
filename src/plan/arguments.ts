/** The names that --build-arg may give: those that the recipe declares, and those that need no ARG. */
import type { Recipe } from '../language/ast.ts';

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];
const PLATFORM_ARGUMENT = /^(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT|STAGE)$/;

/** Docker's predefined arguments: given to commands without an ARG, and never part of a cache key. */
export function isProxy(name: string): boolean {
  return (
    PROXY_NAMES.includes(name) || (PROXY_NAMES.includes(name.toUpperCase()) && name === name.toLowerCase())
  );
}

/** Arguments that have a meaning in every recipe. */
export function isPredefined(name: string): boolean {
  return isProxy(name) || PLATFORM_ARGUMENT.test(name);
}

/** The names of every ARG, in whatever stage. */
export function declaredArgs({ globalArgs, stages }: Recipe): ReadonlySet<string> {
  const inStages = stages.flatMap(({ instructions }) =>
    instructions.flatMap((instruction) => (instruction.kind === 'ARG' ? [instruction] : [])),
  );
  const declarations = [...globalArgs, ...inStages].flatMap((instruction) => instruction.declarations);
  return new Set(declarations.map(({ name }) => name.raw));
}
