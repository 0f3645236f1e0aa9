/** Command lines of Windows: what a program makes of one is what was meant. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  quoteArgument,
  windowsArguments,
  windowsProgram,
} from '../../../../src/drivers/hyperv/guest/windows-command.ts';
import { cmd } from './windows-support.ts';

/** "Parsing C command-line arguments": what is documented of Microsoft's startup code, character by character. */
function parse(line: string): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < line.length) {
    while (line[at] === ' ' || line[at] === '\t') at++;
    if (at >= line.length) break;
    let [argument, isQuoted] = ['', false];
    for (; at < line.length && (isQuoted || !' \t'.includes(line[at])); at++) {
      let slashes = 0;
      for (; line[at] === '\\'; at++) slashes++;
      if (line[at] !== '"') {
        argument += '\\'.repeat(slashes);
        if (at >= line.length || (!isQuoted && ' \t'.includes(line[at]))) break;
        argument += line[at];
        continue;
      }
      argument += '\\'.repeat(Math.floor(slashes / 2));
      if (slashes % 2 === 1) argument += '"';
      else if (isQuoted && line[at + 1] === '"') {
        argument += '"';
        at++;
      } else isQuoted = !isQuoted;
    }
    found.push(argument);
  }
  return found;
}

const awkward = fc.string({ unit: fc.constantFrom('a', '"', '\\', ' ', '\t', '%', "'", 'é', '^') });

describe('arguments on a command line of Windows', () => {
  test('come out as they went in', () => {
    const property = fc.property(fc.array(awkward), (args) => {
      expect(parse(windowsArguments('tool.exe', args))).toEqual(args);
    });
    fc.assert(property, { numRuns: 2000 });
  });
  test('stay as they are where nothing needs quotation marks', () => {
    expect(['a', 'C:\\x\\', '/flag:1', '%PATH%'].map(quoteArgument)).toEqual([
      'a',
      'C:\\x\\',
      '/flag:1',
      '%PATH%',
    ]);
    expect(['', 'a b\\', 'q"'].map(quoteArgument)).toEqual(['""', '"a b\\\\"', '"q\\""']);
  });
  test('reach cmd as the recipe writes them, whatever is in them', () => {
    const name = fc.constantFrom('cmd', 'CMD.EXE', 'C:\\Windows\\System32\\cmd.exe');
    const property = fc.property(fc.string(), name, (script, program) => {
      expect(windowsArguments(program, ['/S', '/C', script])).toBe(`/S /C "${script}"`);
    });
    fc.assert(property);
    expect(windowsArguments('cmd', ['/c', '"C:\\a b\\x.exe"', '"y z"'])).toBe('/c ""C:\\a b\\x.exe" "y z""');
    // Not the interpreter: another program of that name's end.
    expect(windowsArguments('mycmd', ['/C', 'a b'])).toBe('/C "a b"');
  });
  test('are a program of the guest with all that a step says', () => {
    const env = { A: '1' };
    expect(windowsProgram(cmd('dir', { env, workdir: 'C:\\w', stdin: 'in' }))).toEqual({
      program: 'cmd',
      commandLine: '/S /C "dir"',
      workFolder: 'C:\\w',
      environment: env,
      inputText: 'in',
    });
  });
});
