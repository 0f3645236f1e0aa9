/**
 * What the stand-in says, in three languages: nothing that reads its errors may know any of them. `{0}` and so on stand
 * for names and paths.
 */
export type Language = 'de' | 'en' | 'ja';

const MESSAGES = {
  noMachine: [
    'Hyper-V was unable to find a virtual machine with name "{0}".',
    'Von Hyper-V wurde kein virtueller Computer mit dem Namen "{0}" gefunden.',
    '名前が "{0}" の仮想マシンが見つかりませんでした。',
  ],
  accessDenied: [
    'You do not have the required permission to complete this task. Contact the administrator of the authorization policy for the computer.',
    'Sie besitzen nicht die erforderliche Berechtigung zum Ausführen dieser Aufgabe.',
    'このタスクを完了するために必要なアクセス許可がありません。',
  ],
  invalidState: [
    'The operation cannot be performed while the object is in its current state: {0}.',
    'Der Vorgang kann im aktuellen Zustand nicht ausgeführt werden: {0}.',
    'オブジェクトが現在の状態であるため、操作を実行できません: {0}',
  ],
  inUse: [
    'The operation cannot be performed while the object is in use: {0}.',
    'Der Vorgang kann nicht ausgeführt werden, solange das Objekt verwendet wird: {0}.',
    'オブジェクトが使用中であるため、操作を実行できません: {0}',
  ],
  fileExists: [
    '{0}: The file exists. (0x80070050)',
    '{0}: Die Datei ist vorhanden. (0x80070050)',
    '{0}: ファイルが存在します。(0x80070050)',
  ],
  noDisk: [
    "'{0}' is not an existing virtual hard disk file.",
    '"{0}" ist keine vorhandene virtuelle Festplattendatei.',
    "'{0}' は既存の仮想ハード ディスク ファイルではありません。",
  ],
  diskFailed: ['{0}: {1} ({2})', '{0}: Fehler {2}', '{0}: エラー {2}'],
  startFailed: [
    "'{0}' failed to start. {1}",
    '"{0}" konnte nicht gestartet werden. {1}',
    "'{0}' を起動できませんでした。{1}",
  ],
  outOfMemory: [
    "'{0}' could not initialize memory: Not enough memory resources are available to complete this operation. (0x8007000E)",
    '"{0}": Nicht genügend Arbeitsspeicher. (0x8007000E)',
    "'{0}': メモリ不足です。(0x8007000E)",
  ],
  shutdownFailed: [
    "'{0}' could not be shut down: the shutdown component of the guest does not answer. (0x80070015)",
    '"{0}" konnte nicht heruntergefahren werden. (0x80070015)',
    "'{0}' をシャットダウンできませんでした。(0x80070015)",
  ],
  invalidValue: ['Invalid value: {0}', 'Ungültiger Wert: {0}', '無効な値: {0}'],
  notFound: ['Not found: {0}', 'Nicht gefunden: {0}', '見つかりません: {0}'],
  noSuchObject: [
    "No {0} objects found with property '{1}' equal to '{2}'. Verify the value of the property and retry.",
    'Es wurden keine {0}-Objekte mit der Eigenschaft "{1}" = "{2}" gefunden.',
    "プロパティ '{1}' が '{2}' に等しい {0} オブジェクトが見つかりませんでした。",
  ],
  storageFailed: ['{0}', 'Fehler bei der Speicherverwaltung: {0}', '記憶域の管理でエラーが発生しました: {0}'],
  dismFailed: ['DISM failed: {0}', 'Fehler von DISM: {0}', 'DISM でエラーが発生しました: {0}'],
  notInContract: [
    'The stand-in does not know this: {0}',
    'The stand-in does not know this: {0}',
    'The stand-in does not know this: {0}',
  ],
} as const satisfies Record<string, readonly [string, string, string]>;

export type MessageKey = keyof typeof MESSAGES;

const COLUMN: Readonly<Record<Language, 0 | 1 | 2>> = { en: 0, de: 1, ja: 2 };

export function message(language: Language, key: MessageKey, values: readonly string[]): string {
  return MESSAGES[key][COLUMN[language]].replace(
    /\{(\d)\}/g,
    (_, index: string) => values[Number(index)] ?? '',
  );
}
