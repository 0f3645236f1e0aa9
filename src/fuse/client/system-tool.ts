/** The programs of util-linux that mount things. They lie in sbin, which is not on every root's PATH. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** An environment whose PATH holds the sbin folders too. */
export function systemEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const folders = (env.PATH ?? '/usr/bin:/bin').split(':');
  const missing = SBIN.filter((folder) => !folders.includes(folder));
  return { ...env, PATH: [...folders, ...missing].join(':') };
}
