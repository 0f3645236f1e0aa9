/** UTF-16LE, the text of Microsoft's formats. */

/** Text as UTF-16LE without a byte order mark or a terminating NUL. */
export function encodeUtf16(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'utf16le'));
}

/** UTF-16LE as text; an odd last byte is ignored, lone surrogates stay. */
export function decodeUtf16(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf16le');
}

/** As {@link decodeUtf16}, up to the first NUL. */
export function decodeUtf16Padded(bytes: Uint8Array): string {
  const text = decodeUtf16(bytes);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
