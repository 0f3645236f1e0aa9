/** JSON that is also safe to look at: names and labels from elsewhere must not steer a terminal. */

const UNESCAPED_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

/** `JSON.stringify` escapes the control characters of ASCII; here those of Latin-1 are escaped as well. */
export function safeJson(value: unknown, indent?: number): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, undefined, indent).replace(UNESCAPED_CONTROLS, escape);
}
