/** The first digits of an id: enough for people, and for every verb that takes an image. */
const SHOWN_DIGITS = 12;

export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, SHOWN_DIGITS);
}
