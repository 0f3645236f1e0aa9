/** The lines at the bottom of a terminal that are drawn again and again, by ora; finished lines scroll away above. */
import { stripVTControlCharacters } from 'node:util';
import type { Ora } from 'ora';
import type { Colors, Console, OutputStream } from '../console.ts';
import { signsFor } from './signs.ts';
import { textWidth } from './text-width.ts';

/** A build that is over this soon shows no spinner, and does not wait for one to load. */
const DELAY_MS = 150;

/** The lines to draw in a terminal of this size; none may be wider. */
export type Draw = (columns: number, rows: number) => readonly string[];

type TerminalStream = OutputStream & {
  readonly columns: number;
  readonly rows: number;
  moveCursor(dx: number, dy: number): boolean;
  clearScreenDown(): boolean;
};

export class LiveRegion {
  readonly #stream: TerminalStream;
  readonly #colors: Colors;
  readonly #signs: (line: string) => string;
  readonly #draw: Draw;
  readonly #timer: NodeJS.Timeout;
  #spinner: Ora | undefined;
  #isClosed = false;
  /** Widths of the lines that stand on the terminal. */
  #drawnWidths: readonly number[] = [];

  /** Draws on the terminal that the console's errors go to. */
  constructor({ err, env }: Pick<Console, 'err' | 'env'>, colors: Colors, draw: Draw) {
    this.#stream = err as TerminalStream;
    this.#colors = colors;
    this.#signs = signsFor(env);
    this.#draw = draw;
    this.#timer = setTimeout(() => void this.#start(), DELAY_MS);
  }

  /** Writes a line that stays. While ora spins it makes room for what others write. */
  print(line: string): void {
    this.#stream.write(`${this.#signs(line)}\n`);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream.off('resize', this.#redraw);
    this.#spinner?.stop();
    this.#spinner = undefined;
  }

  async #start(): Promise<void> {
    const { default: ora } = await import('ora');
    if (this.#isClosed) return;
    this.#spinner = ora({
      stream: this.#stream,
      isEnabled: true,
      discardStdin: false,
      color: this.#colors.isColorSupported ? 'cyan' : false,
      suffixText: () => this.#lines(),
    });
    this.#stream.on('resize', this.#redraw);
    this.#spinner.start();
  }

  #lines(): string {
    const columns = Math.max(1, this.#stream.columns - 1);
    // The spinner and two spaces stand in front of the first line.
    const lines = this.#draw(Math.max(1, columns - 3), Math.max(1, this.#stream.rows - 1));
    this.#drawnWidths = lines.map(
      (line, index) => textWidth(stripVTControlCharacters(line)) + (index === 0 ? 3 : 0),
    );
    return this.#signs(lines.join('\n'));
  }

  /** A narrower terminal wraps the lines that stand there: more rows must go than ora knows of. */
  readonly #redraw = (): void => {
    const columns = Math.max(1, this.#stream.columns);
    const wrapped = this.#drawnWidths.reduce(
      (sum, width) => sum + Math.max(0, Math.ceil(width / columns) - 1),
      0,
    );
    this.#spinner?.stop();
    if (wrapped > 0) this.#stream.moveCursor(0, -wrapped);
    this.#stream.clearScreenDown();
    if (!this.#isClosed) this.#spinner?.start();
  };
}
