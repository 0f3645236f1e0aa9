/** One record of comma-separated fields, where a field may stand in double quotes (RFC 4180, section 2). */

const FIELD = /"((?:[^"]|"")*)"(?=,|$)|([^",]*)(?=,|$)/y;

/** The fields without their quotes; undefined when a quote is not closed or not at a field's edge. */
export function splitCsv(text: string): string[] | undefined {
  const fields: string[] = [];
  for (let at = 0; ;) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (match === null) return undefined;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    at += match[0].length + 1;
    if (at > text.length) return fields;
  }
}
