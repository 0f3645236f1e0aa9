/** Every verb by name. The modules behind them load only when their verb runs. */
import type { VerbEntry } from './verb.ts';

export const VERBS: readonly VerbEntry[] = [
  { name: 'build', summary: 'Build an image from a Hyperfile', load: () => import('./verbs/build.ts') },
  { name: 'push', summary: 'Send an image to a registry', load: () => import('./verbs/push.ts') },
  { name: 'pull', summary: 'Fetch an image from a registry', load: () => import('./verbs/pull.ts') },
  { name: 'images', summary: 'List the images of the store', load: () => import('./verbs/images.ts') },
  { name: 'history', summary: 'Show what made an image', load: () => import('./verbs/history.ts') },
  { name: 'inspect', summary: 'Show everything about images', load: () => import('./verbs/inspect.ts') },
  { name: 'tag', summary: 'Give an image one more name', load: () => import('./verbs/tag.ts') },
  { name: 'rmi', summary: 'Remove images', load: () => import('./verbs/rmi.ts') },
  { name: 'prune', summary: 'Free what nothing needs', load: () => import('./verbs/prune.ts') },
  { name: 'import', summary: 'Make an image of a disk or a tar', load: () => import('./verbs/import.ts') },
  { name: 'export', summary: 'Flatten an image into one disk', load: () => import('./verbs/export.ts') },
  { name: 'save', summary: 'Write images to an archive', load: () => import('./verbs/save.ts') },
  { name: 'load', summary: 'Take in the images of an archive', load: () => import('./verbs/load.ts') },
  { name: 'copy', summary: 'Copy an image past the store', load: () => import('./verbs/copy.ts') },
  { name: 'index', summary: 'Make one name for several images', load: () => import('./verbs/index.ts') },
  { name: 'tags', summary: 'List the tags of a name elsewhere', load: () => import('./verbs/tags.ts') },
  { name: 'login', summary: 'Log in to a registry', load: () => import('./verbs/login.ts') },
  { name: 'logout', summary: 'Log out of a registry', load: () => import('./verbs/logout.ts') },
  { name: 'cache', summary: 'Look after caches of steps', load: () => import('./verbs/cache.ts') },
  { name: 'disk', summary: 'Make, convert and change disks', load: () => import('./verbs/disk.ts') },
  { name: 'doctor', summary: 'Show what this host can do', load: () => import('./verbs/doctor.ts') },
  {
    name: 'completion',
    summary: 'Print the completion script of a shell',
    load: () => import('./verbs/completion.ts'),
  },
  { name: 'version', summary: 'Show the version', load: () => import('./verbs/version.ts') },
  { name: 'help', summary: 'Show help for a verb', load: () => import('./verbs/help.ts') },
];

/** The module of a verb, or undefined when there is no such verb. */
export function findVerb(name: string): VerbEntry | undefined {
  return VERBS.find((verb) => verb.name === name);
}
