/** The names that --build-arg may give: those that the recipe declares, and those that need no ARG. */
import type { Recipe, Stage } from '../language/ast.ts';

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
  const inGlobals = globalArgs.flatMap(({ declarations }) => declarations.map(({ name }) => name.raw));
  return new Set([...inGlobals, ...stages.flatMap((stage) => [...argsOf(stage)])]);
}

/** Those of one stage. */
export function argsOf({ instructions }: Stage): ReadonlySet<string> {
  const declarations = instructions.flatMap((instruction) =>
    instruction.kind === 'ARG' ? instruction.declarations : [],
  );
  return new Set(declarations.map(({ name }) => name.raw));
}
