import { errorTable } from '../error-entry.ts';

/** The error codes of `cache`. */
export const cacheCodes = errorTable({
  CACHE_OPTION: {
    exit: 2,
    message: 'the cache option {option} is wrong: {problem}',
    why: 'A cache is written as in Docker: type=registry,ref=NAME, type=local,dest=FOLDER (or src=FOLDER), type=gha or type=inline, or only the NAME of a place in a registry.',
    todo: "See 'hyperfile help build' for what each type of cache takes.",
  },
  CACHE_DEFAULTS: {
    exit: 2,
    message: '{path}: {problem}',
    why: 'The project\'s file says which caches a build uses, as {"cache": {"from": [...], "to": [...]}}; each entry is written as after --cache-from and --cache-to.',
    todo: 'Mend the file.',
  },
  CACHE_EXPORT_FAILED: {
    exit: 6,
    message: 'the build was not exported to the cache {cache}: {reason}',
    why: 'The cache did not take the layers or records of this build, and its option says ignore-error=false.',
    todo: 'The image itself is complete. Mend the cache, or leave ignore-error=false out.',
  },
  CACHE_RECORD: {
    exit: 4,
    message: 'the cache record {record} is refused: {reason}',
    why: 'A record says which layers a step made. What this one says does not fit together, so nothing of it is used.',
    todo: 'Whoever may write to the cache may have changed it. `hyperfile cache verify` looks all of it over.',
  },
  CACHE_TIMEOUT: {
    exit: 6,
    message: 'no answer within {seconds} s',
    why: 'A cache that is asked for a step must answer sooner than building the step would take.',
    todo: 'Give it longer with timeout=30s in its option or HYPERFILE_CACHE_TIMEOUT=30s.',
  },
  CACHE_NO_SERVICE: {
    exit: 5,
    message: "GitHub's cache service cannot be used: {problem}",
    why: 'type=gha works in a job of GitHub Actions, through the package @actions/cache.',
    todo: 'Use it in a job of GitHub Actions, or another type of cache elsewhere.',
  },
  CACHE_SERVICE_FAILED: {
    exit: 6,
    message: "GitHub's cache service failed: {reason}",
    why: 'The service refused a request, could not be reached, or what it gave could not be unpacked.',
    todo: 'Builds go on without it. If it stays so, look at the limits of the repository and the rights of the job.',
  },
  CACHE_UNSUPPORTED: {
    exit: 2,
    message: 'the cache {cache} cannot be {action} from here: {reason}',
    why: 'Registries and CI services remove what is old by rules of their own, and not all can list what they hold.',
    todo: 'Look at it with the means of the service that holds it. Records may go at any time: builds go on without them.',
  },
});
