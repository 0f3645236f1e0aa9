/** What would stand on a terminal after it was sent this: just enough of one for what our views send. */

// eslint-disable-next-line no-control-regex -- escape sequences are its business
const SEQUENCE = /\u001b\[(\??[0-9;]*)([A-Za-z])|\r|\n|[^\u001b\r\n]/gu;

export class Screen {
  readonly lines: string[] = [''];
  isCursorShown = true;
  #row = 0;
  #column = 0;
  readonly #columns: number;

  constructor(columns: number) {
    this.#columns = columns;
  }

  write(text: string): void {
    for (const [whole, parameters = '', command] of text.matchAll(SEQUENCE)) {
      if (command !== undefined) this.#control(command, parameters);
      else if (whole === '\r') this.#column = 0;
      else if (whole === '\n') this.#down();
      else this.#put(whole);
    }
  }

  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n');
  }

  #put(character: string): void {
    if (this.#column === this.#columns) {
      this.#down();
      this.#column = 0;
    }
    const line = [...(this.lines[this.#row] ?? '').padEnd(this.#column)];
    line[this.#column] = character;
    this.lines[this.#row] = line.join('');
    this.#column += 1;
  }

  #down(): void {
    this.#row += 1;
    if (this.#row === this.lines.length) this.lines.push('');
  }

  #control(command: string, parameters: string): void {
    const count = Number(parameters) || 1;
    if (command === 'A') this.#row = Math.max(0, this.#row - count);
    else if (command === 'G') this.#column = count - 1;
    else if (command === 'K') this.#eraseLine(parameters);
    else if (command === 'J') this.#eraseBelow();
    else if (parameters === '?25') this.isCursorShown = command === 'h';
    else if (command !== 'm' && parameters !== '?2026')
      throw new Error(`unexpected sequence ${parameters}${command}`);
  }

  #eraseLine(parameters: string): void {
    const line = [...(this.lines[this.#row] ?? '')];
    if (parameters === '1')
      this.lines[this.#row] = line.map((character, at) => (at <= this.#column ? ' ' : character)).join('');
    else if (parameters === '2') this.lines[this.#row] = '';
    else this.lines[this.#row] = line.slice(0, this.#column).join('');
  }

  #eraseBelow(): void {
    this.#eraseLine('0');
    this.lines.length = this.#row + 1;
  }
}
