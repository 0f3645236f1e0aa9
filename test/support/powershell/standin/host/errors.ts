/**
 * How Hyper-V's cmdlets fail: identifier and category as people have reported them from real hosts (the class name that
 * follows the identifier is the engine's doing). Marked `assumed` where no report was found: nothing may depend on those.
 */
import type { MessageKey } from './messages.ts';

export class StandInError extends Error {
  readonly id: string;
  readonly category: string;
  readonly key: MessageKey;
  readonly values: readonly string[];
  readonly target: string | undefined;
  /** The class of the exception in PowerShell; VirtualizationException unless it says another. */
  readonly exception: 'Argument' | 'CimException' | 'COMException' | 'NotImplemented' | undefined;
  /** Of a COMException. */
  readonly hresult: number | undefined;

  constructor(kind: ErrorKind, key: MessageKey, values: readonly string[], target?: string) {
    super(`${kind}: ${key} ${values.join(' ')}`);
    const { id, category, exception, hresult } = KINDS[kind] as {
      id: string;
      category: string;
      exception?: 'CimException' | 'COMException';
      hresult?: number;
    };
    [this.id, this.category, this.exception, this.hresult] = [id, category, exception, hresult];
    [this.key, this.values, this.target] = [key, values, target];
  }
}

const KINDS = {
  /** A name or path that names nothing. Get-VM: canonical/multipass 3090; Mount-VHD: pluralsight/PS-AutoLab-Env 159. */
  invalidParameter: { id: 'InvalidParameter', category: 'InvalidArgument' },
  /** An id that names nothing. Set-VMSwitch and Get-VM -Id in published logs. */
  objectNotFound: { id: 'ObjectNotFound', category: 'ObjectNotFound' },
  /** New-VHD on an existing file, Get-VHD of a damaged one. */
  operationFailed: { id: 'OperationFailed', category: 'NotSpecified' },
  /** Get-VHD of a disk that somebody has open: MicrosoftDocs/windows-powershell-docs 2024. */
  objectInUse: { id: 'ObjectInUse', category: 'ResourceBusy' },
  /** Start-VM: kubernetes/minikube 6346 and 9286. */
  accessDenied: { id: 'AccessDenied', category: 'PermissionDenied' },
  /** The category is assumed; the identifier is matched by published tools. */
  invalidState: { id: 'InvalidState', category: 'InvalidOperation' },
  /** Start-VM without memory: category and all. */
  outOfMemory: { id: 'OutOfMemory', category: 'FromStdErr' },
  /** Start-VM whose disk cannot be used: canonical/multipass 3090. */
  unspecified: { id: 'Unspecified', category: 'NotSpecified' },
  /** A Storage cmdlet whose object is not there; the caller names the property (see {@link noSuchObject}). */
  cimNotFound: { id: 'CmdletizationQuery_NotFound', category: 'ObjectNotFound', exception: 'CimException' },
  /** Storage's codes: StorageWMI 4097 and others; the number is assumed. */
  cimFailed: { id: 'StorageWMI 4097', category: 'NotSpecified', exception: 'CimException' },
  /** DISM's cmdlets give no identifier, only an HRESULT: ntdevlabs/tiny11builder 337. ERROR_INVALID_DATA. */
  dismInvalidData: { id: '', category: 'NotSpecified', exception: 'COMException', hresult: 0x8007_000d },
  /** ERROR_FILE_NOT_FOUND. */
  dismNotFound: { id: '', category: 'NotSpecified', exception: 'COMException', hresult: 0x8007_0002 },
  /** ERROR_DISK_FULL. */
  dismDiskFull: { id: '', category: 'NotSpecified', exception: 'COMException', hresult: 0x8007_0070 },
  /** The stand-in's own: the contract or the documentation does not say what Windows does. */
  notInContract: { id: 'NotInTheContract', category: 'NotImplemented', exception: 'NotImplemented' },
} as const;

export type ErrorKind = keyof typeof KINDS;

export function notInContract(what: string): StandInError {
  return new StandInError('notInContract', 'notInContract', [what]);
}

export function invalidValue(what: string): StandInError {
  return new StandInError('invalidParameter', 'invalidValue', [what]);
}

export function inUse(what: string): StandInError {
  return new StandInError('objectInUse', 'inUse', [what]);
}

/** What a CIM cmdlet says when a query finds nothing: `CmdletizationQuery_NotFound_Number,Get-Disk`. */
export class NoSuchObject extends StandInError {
  override readonly id: string;
  constructor(className: string, property: string, value: string) {
    super('cimNotFound', 'noSuchObject', [className, property, value], value);
    this.id = `CmdletizationQuery_NotFound_${property}`;
  }
}
