/** How many columns of a terminal a text takes, near enough: lines are cut by it, so it may only guess too high. */

const ZERO_WIDTH = /[\p{Mark}\p{Format}]/u;
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const ASCII = /^[\u0020-\u007e]*$/;

/** @param text Without control characters. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The text, cut to `columns` with `…` at its end where it is longer. */
export function fitText(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (textWidth(text) <= columns) return text;
  let width = 1;
  let kept = '';
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}

/** `left` and `right` at the two edges of `columns`; `left` gives way. */
export function justify(left: string, right: string, columns: number): [left: string, right: string] {
  const rightWidth = right === '' ? 0 : textWidth(right) + 2;
  if (rightWidth >= columns) return [fitText(left, columns), ''];
  const fitted = fitText(left, columns - rightWidth);
  return [
    fitted,
    right === '' ? '' : right.padStart(columns - textWidth(fitted) - textWidth(right) + right.length),
  ];
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
