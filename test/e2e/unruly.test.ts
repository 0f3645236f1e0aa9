/** Commands of a recipe that do not behave: each ends with its step, and its failure says what it printed. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith, has } from '../support/needs.ts';
import { expectRefusal, Site, SITE_NEEDS } from './support/site.ts';
import { processesOf } from '../support/traces.ts';

const OUTPUT_BYTES = 50 * 1024 * 1024;
/** The command's own memory and its output must not add up. */
const MEMORY_KIB = 200 * 1024;

describeWith(SITE_NEEDS, 'a command that', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  test('leaves a process behind takes it along, and does not wait for it', async () => {
    const startedMs = performance.now();
    await site.built('FROM shell\nRUN sleep 100 & echo left\nRUN setsid sleep 100 >/dev/null 2>&1 & true\n');
    expect(performance.now() - startedMs).toBeLessThan(60_000);
  });

  test('leaves a process behind that ignores signals and keeps writing takes it along', async () => {
    await site.built(
      `FROM shell\nRUN (trap '' TERM HUP INT; while true; do echo x > /noise; done) >/dev/null 2>&1 & sleep 0.2\nRUN true\n`,
    );
  });

  test('prints 50 MB costs neither memory nor the last lines', async () => {
    const recipe = `FROM shell\nRUN yes 'a line of sixty-four bytes, which is as good as any other one' | head -c ${OUTPUT_BYTES}; echo; echo the last line; exit 3\n`;
    const isMeasured = has('/usr/bin/time');
    const wrapper = isMeasured ? ['/usr/bin/time', '-f', 'peak %M KiB'] : [];
    let leastKib = Infinity;
    // Garbage that a busy machine collects late counts now and then; what is kept counts every time.
    for (let attempt = 0; attempt < 3 && leastKib >= MEMORY_KIB; attempt++) {
      const says = ['the command ended with status 3', 'the last line'];
      const err = await site.refused(recipe, 1, says, [], { wrapper });
      expect(err.length).toBeGreaterThan(OUTPUT_BYTES);
      const peakKib = isMeasured ? Number(/peak (\d+) KiB/.exec(err.slice(-200))?.[1]) : 0;
      leastKib = Math.min(leastKib, peakKib);
    }
    expect(leastKib).toBeLessThan(MEMORY_KIB);
  });

  test('prints anything but text does no harm to the terminal', async () => {
    const recipe =
      'FROM shell\nRUN head -c 100000 /dev/urandom; printf "\\033[2J\\033]0;title\\007"; echo; echo end; exit 4\n';
    const err = await site.refused(recipe, 1, ['the command ended with status 4', 'end']);
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(err).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });

  test('is ended by a signal fails with 128 and its number', async () => {
    const inside = `FROM shell\nRUN sh -c 'kill -9 $$'; exit $?\n`;
    await site.refused(inside, 1, ['the command ended with status 137']);
    // As the kernel does when memory runs out.
    const build = site.startBuild('FROM shell\nRUN echo begun; sleep 60\n');
    await build.printed('begun');
    const command = processesOf(site.folder).find((line) => line.endsWith(' sleep 60 '));
    process.kill(Number(/^process: (\d+)/.exec(command ?? '')?.[1]), 'SIGKILL');
    expectRefusal(await build.ended, 1, ['the command ended with status 137', /:2:1\n {2}2 \| RUN/]);
  });

  test('fails shows its last lines, and its own line of the recipe', async () => {
    const recipe =
      'FROM shell\n# a comment\nRUN echo fine \\\n  && echo to the log >&2 \\\n  && exit 7\nRUN echo never\n';
    const err = await site.refused(recipe, 1, [
      'the command ended with status 7',
      /^#2 [\d.]+ fine$/m,
      /^#2 [\d.]+ to the log$/m,
      /:3:1\n {2}3 \| RUN echo fine \\\n {4}\| \^/,
      'BUILD_STEP_FAILED',
    ]);
    expect(err).not.toContain('never');
  });

  test('is not there, or cannot be started, says so', async () => {
    await site.refused('FROM shell\nRUN ["/no/such/program"]\n', 1, ['/no/such/program', 'status 127']);
    await site.refused('FROM shell\nRUN ["/etc"]\n', 1, ['/etc']);
    await site.refused('FROM shell\nUSER nobody-here\nRUN true\n', 3, [
      'there is no user "nobody-here"',
      /:3:1/,
    ]);
  });

  test('mounts, or fills the memory file systems, leaves nothing of it', async () => {
    await site.built(
      'FROM shell\nRUN dd if=/dev/zero of=/dev/shm/big bs=1M count=20; mkdir /m; mount -t tmpfs none /m; true\n',
    );
  });
});
