/** Cuts what a command prints into lines that are safe to show anywhere. */
import { stripVTControlCharacters } from 'node:util';

/** A command that never ends its line must not fill the memory. */
const LONGEST_LINE = 16_384;

// eslint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Takes chunks as they come and gives back whole lines. */
export class OutputLines {
  #rest = '';

  /** The lines that end in this chunk. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = keepLastRewrite(lines.pop() ?? '');
    if (this.#rest.length > LONGEST_LINE) {
      lines.push(this.#rest);
      this.#rest = '';
    }
    return lines.map(cleanLine);
  }

  /** The line that has not ended yet: a prompt, or a progress bar that keeps rewriting itself. */
  get current(): string {
    return cleanLine(this.#rest);
  }

  /** What is left at the end of the output. */
  flush(): string[] {
    const line = this.current;
    this.#rest = '';
    return line === '' ? [] : [line];
  }
}

/** One line as it would stand on a terminal at last: rewrites applied, colours and control characters gone. */
export function cleanLine(line: string): string {
  return stripVTControlCharacters(keepLastRewrite(line).replace(/\r+$/, '')).replace(CONTROL_CHARACTERS, '');
}

/** A name or message from elsewhere as it may stand on one line: control characters gone, line ends become blanks. */
export function cleanText(text: string): string {
  return cleanLine(text.replace(/[\t\r\n]+/g, ' '));
}

/** A carriage return starts the line anew; one at the end (CR LF) does not. */
function keepLastRewrite(line: string): string {
  const end = line.replace(/\r+$/, '').length;
  return line.slice(line.lastIndexOf('\r', end - 1) + 1);
}
