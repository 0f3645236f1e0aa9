/** What `disk check` prints: the findings of every file of a chain, and what to do about each kind of them. */
import path from 'node:path';
import { ERROR_CODES, type ErrorCode } from '../../base/codes/index.ts';
import { fillTemplate, HyperfileError } from '../../base/error.ts';
import type { Finding, RepairKind, Severity } from '../../vhdx/findings.ts';
import { checkChain, type CheckedFile } from '../../vhdx/operations/check.ts';
import { repairDisk } from '../../vhdx/operations/repair.ts';
import { colorsFor, type Colors, type Console } from '../console.ts';
import { count } from '../count.ts';
import { cleanText } from '../render/output-lines.ts';
import { safeJson } from '../safe-json.ts';
import type { CheckFlags } from '../verbs/disk/check.ts';
import { ownFile } from './own-file.ts';

/** @throws HyperfileError CLI_DISK_DAMAGED when there are errors; those of {@link checkChain} and of a repair */
export function checkDisk(file: string, { format, quiet, repair }: CheckFlags, console: Console): void {
  const leaf = path.resolve(console.cwd, file);
  const repaired = repair ? repairLeaf(file, console) : [];
  if (format !== 'json' && !quiet && repaired.length > 0) {
    console.out.write(`repaired in ${cleanText(leaf)}: ${repaired.join(', ')}\n`);
  }
  const records: object[] = [];
  const totals = { error: 0, warning: 0, note: 0 };
  for (const checked of checkChain(leaf)) {
    for (const severity of SEVERITIES) totals[severity] += checked.findings.counts[severity];
    if (format === 'json') records.push(recordOf(checked));
    else console.out.write(describeFile(checked, quiet ?? false, colorsFor(console, console.out)));
  }
  if (format === 'json') {
    const counts = { errors: totals.error, warnings: totals.warning };
    console.out.write(`${safeJson({ files: records, ...counts, ...(repair && { repaired }) })}\n`);
  }
  if (totals.error === 0) return;
  throw new HyperfileError('CLI_DISK_DAMAGED', { data: { path: leaf, count: count(totals.error, 'error') } });
}

/** Repairs the first file of a chain as far as it can be. Returns the kinds of repair that were made. */
function repairLeaf(file: string, console: Console): RepairKind[] {
  const leaf = ownFile(file, console);
  const [{ findings }] = checkChain(leaf);
  const kinds = new Set(findings.listed.flatMap(({ repair }) => repair ?? []));
  // What cannot be repaired would keep the file from being opened; the check below says what it is.
  const isHopeless = findings.listed.some(
    ({ severity, repair }) => severity === 'error' && repair === undefined,
  );
  if (kinds.size === 0 || isHopeless) return [];
  repairDisk(leaf, kinds);
  return [...kinds];
}

const SEVERITIES = ['error', 'warning', 'note'] as const satisfies readonly Severity[];

function describeFile({ path: file, findings }: CheckedFile, quiet: boolean, colors: Colors): string {
  const { counts } = findings;
  const shown = findings.listed.filter(({ severity }) => !quiet || severity === 'error');
  if (shown.length === 0) return quiet ? '' : `${cleanText(file)}: sound\n`;
  const problems = (['error', 'warning'] as const).filter((severity) => counts[severity] > 0);
  const verdict = problems.map((severity) => count(counts[severity], severity)).join(', ') || 'sound';
  const lines = [
    `${colors.bold(cleanText(file))}: ${verdict}`,
    ...shown.map((finding) => describeFinding(finding, colors)),
    ...describeRest(findings.unlisted(), shown),
    ...advice(shown, colors),
  ];
  return `${lines.join('\n')}\n`;
}

function describeFinding(finding: Finding, colors: Colors): string {
  const paint = { error: colors.red, warning: colors.yellow, note: colors.dim }[finding.severity];
  const place = finding.fileOffset === 0 ? '' : colors.dim(` (at byte ${finding.fileOffset})`);
  return `  ${paint(finding.severity.padEnd(7))}  ${cleanText(messageOf(finding))}${place}`;
}

/** The files are named above their findings: here their names are enough. */
function messageOf({ code, data }: Finding): string {
  return fillTemplate(ERROR_CODES[code].message, { ...data, path: path.basename(data.path) });
}

function describeRest(unlisted: ReadonlyMap<ErrorCode, number>, shown: readonly Finding[]): string[] {
  const codes = new Set(shown.map(({ code }) => code));
  return [...unlisted]
    .filter(([code]) => codes.has(code))
    .map(([code, more]) => `  and ${more} more of ${code}`);
}

/** What to do, once for every kind. */
function advice(shown: readonly Finding[], colors: Colors): string[] {
  const first = new Map(shown.toReversed().map((finding) => [finding.code, finding]));
  return [...first.values()]
    .reverse()
    .map(
      ({ code, data }) =>
        `  ${colors.dim(`${code}: ${cleanText(fillTemplate(ERROR_CODES[code].todo, data))}`)}`,
    );
}

function recordOf({ path, findings }: CheckedFile): object {
  const records = findings.listed.map(({ code, severity, fileOffset, data, repair }) => ({
    severity,
    code,
    message: fillTemplate(ERROR_CODES[code].message, data),
    hint: fillTemplate(ERROR_CODES[code].todo, data),
    fileOffset,
    data,
    ...(repair && { repair }),
  }));
  return { path, findings: records, unlisted: Object.fromEntries(findings.unlisted()) };
}
