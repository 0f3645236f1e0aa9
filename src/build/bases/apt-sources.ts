/** Where the host gets its Debian or Ubuntu packages from: what a bootstrapped base uses unless told otherwise. */
import { isHyperfileError } from '../../base/error.ts';
import { runTool } from '../../base/process.ts';

interface Archive {
  readonly uri: string;
  readonly release: string;
  readonly component: string;
}

const ASK_TIMEOUT_MS = 5000;

/**
 * Lines of a sources.list for a suite: the host's own archives of that suite with its updates and security fixes, else
 * the host's main mirror when it holds the suite. Empty when the host cannot tell: the bootstrapper then knows a default.
 */
export async function hostSources(suite: string): Promise<string[]> {
  const archives = await hostArchives();
  const wanted = new Set([suite, `${suite}-updates`, `${suite}-security`, `${suite}/updates`]);
  const own = archives.filter(({ release }) => wanted.has(release));
  if (own.some(({ release }) => release === suite)) return sourceLines(own);
  for (const uri of new Set(archives.map((archive) => archive.uri))) {
    if (await holdsSuite(uri, suite)) return sourceLines([{ uri, release: suite, component: 'main' }]);
  }
  return [];
}

async function hostArchives(): Promise<Archive[]> {
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)';
  try {
    const { stdout } = await runTool('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
    return stdout.split('\n').flatMap((line): Archive[] => {
      const [uri, release, component, origin] = line.split('|');
      const isDistribution = origin === 'Debian' || origin === 'Ubuntu';
      return uri && release && component && isDistribution ? [{ uri, release, component }] : [];
    });
  } catch (error) {
    // A host without apt has nothing to say.
    if (isHyperfileError(error, 'TOOL_MISSING', 'TOOL_FAILED')) return [];
    throw error;
  }
}

function sourceLines(archives: readonly Archive[]): string[] {
  const components = new Map<string, Set<string>>();
  for (const { uri, release, component } of archives) {
    const place = `deb ${uri} ${release}`;
    components.set(place, (components.get(place) ?? new Set()).add(component));
  }
  return [...components].map(([place, names]) => `${place} ${[...names].sort().join(' ')}`);
}

async function holdsSuite(uri: string, suite: string): Promise<boolean> {
  if (!/^https?:/.test(uri)) return false;
  const url = `${uri.replace(/\/$/, '')}/dists/${suite}/InRelease`;
  const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(ASK_TIMEOUT_MS) }).catch(
    () => undefined,
  );
  return answer?.ok ?? false;
}
