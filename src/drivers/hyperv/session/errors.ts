/**
 * Errors of PowerShell as errors of ours. They are told apart by identifiers, categories, classes and codes, which are
 * the same in every language of Windows, never by their text.
 */
import { ERROR_CODES, type ErrorCode } from '../../../base/codes/index.ts';
import { HyperfileError } from '../../../base/error.ts';
import type { Failure } from './records.ts';

interface Rule {
  readonly code: ErrorCode;
  /** FullyQualifiedErrorId up to the comma. */
  readonly id?: readonly string[];
  readonly category?: readonly string[];
  /** HRESULT of the innermost exception. */
  readonly hresult?: readonly string[];
  /** The innermost exception's class, without its namespace. */
  readonly cause?: readonly string[];
}

/** winerror.h, as HRESULTs. */
const WIN32 = {
  accessDenied: '0x80070005',
  sharingViolation: '0x80070020',
  lockViolation: '0x80070021',
  handleDiskFull: '0x80070027',
  diskFull: '0x80070070',
} as const;

/** The first rule that fits decides. */
const RULES: readonly Rule[] = [
  { code: 'DISK_FULL', hresult: [WIN32.diskFull, WIN32.handleDiskFull] },
  { code: 'HYPERV_MISSING', id: ['CouldNotAutoLoadModule', 'Modules_ModuleNotFound'] },
  { code: 'HYPERV_MISSING', id: ['CommandNotFoundException'], cause: ['CommandNotFoundException'] },
  { code: 'HYPERV_RIGHTS', category: ['PermissionDenied', 'SecurityError'] },
  { code: 'HYPERV_RIGHTS', id: ['AccessDenied'] },
  { code: 'HYPERV_RIGHTS', hresult: [WIN32.accessDenied] },
  { code: 'HYPERV_MEMORY', id: ['OutOfMemory'] },
  { code: 'HYPERV_IN_USE', id: ['ObjectInUse'] },
  { code: 'HYPERV_IN_USE', category: ['ResourceBusy'] },
  { code: 'HYPERV_IN_USE', hresult: [WIN32.sharingViolation, WIN32.lockViolation] },
  { code: 'HYPERV_NOT_FOUND', id: ['ObjectNotFound'] },
  { code: 'HYPERV_NOT_FOUND', category: ['ObjectNotFound'] },
  { code: 'HYPERV_STATE', id: ['InvalidState'] },
];

/** The error for what a function of a session failed with. */
export function errorOf(failure: Failure, functionName: string): HyperfileError {
  const [id] = failure.id.split(',');
  const code = ownCode(id) ?? RULES.find((rule) => fits(rule, id, failure))?.code ?? 'POWERSHELL_FAILED';
  const { message, target, category, exception, code: hresult, stack } = failure;
  const data = {
    function: functionName,
    id: failure.id,
    message: message.trim(),
    target: target || 'it',
    path: target,
    disk: target,
    category,
    exception,
    hresult,
    stack,
  };
  return new HyperfileError(code, { data });
}

/** Errors that functions of ours throw carry a code of ours as their identifier. */
function ownCode(id: string): ErrorCode | undefined {
  return Object.hasOwn(ERROR_CODES, id) ? (id as ErrorCode) : undefined;
}

function fits(rule: Rule, id: string, { category, code, cause }: Failure): boolean {
  const className = cause.slice(cause.lastIndexOf('.') + 1);
  return (
    (rule.id?.includes(id) ?? true) &&
    (rule.category?.includes(category) ?? true) &&
    (rule.hresult?.includes(code) ?? true) &&
    (rule.cause?.includes(className) ?? true)
  );
}
