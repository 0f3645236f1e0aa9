/**
 * The accounts that a guest of the stand-in has besides the one of its host's tests: they lie on its disk, as Windows' do,
 * so a layer without a step has not the account that the step made. No password is there, only what tells it again.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** By name in small letters: names do not differ in case. */
type Accounts = Record<string, { readonly name: string; readonly password: string }>;

const FILE = 'Windows/System32/config/SAM';

export function hasAccount(root: string, name: string): boolean {
  return Object.hasOwn(readAccounts(root), name.toLowerCase());
}

/** @returns the account's name as it was made; undefined when nobody gets in so */
export function logOn(root: string, name: string, password: string): string | undefined {
  const account = hasAccount(root, name) ? readAccounts(root)[name.toLowerCase()] : undefined;
  return account?.password === digest(password) ? account.name : undefined;
}

/** Makes it, or gives it another password. */
export function setAccount(root: string, name: string, password: string): void {
  const key = name.toLowerCase();
  const accounts = readAccounts(root);
  const kept = hasAccount(root, name) ? accounts[key].name : name;
  writeAccounts(root, { ...accounts, [key]: { name: kept, password: digest(password) } });
}

export function removeAccount(root: string, name: string): void {
  const { [name.toLowerCase()]: _, ...rest } = readAccounts(root);
  writeAccounts(root, rest);
}

function readAccounts(root: string): Accounts {
  const file = path.join(root, FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Accounts) : {};
}

function writeAccounts(root: string, accounts: Accounts): void {
  const file = path.join(root, FILE);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(accounts));
}

function digest(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}
