/** Live view. */
import { PlainView } from './plain.ts';
import type { Console } from '../console.ts';
export class TerminalView extends PlainView {
  constructor(console: Console) {
    super(console.err);
  }
}
