/** What each instruction changes in the image's config. */
import type { HealthcheckInstruction, StageInstruction } from '../language/ast.ts';
import { readMachineSetting } from '../language/machine.ts';
import { parsePorts } from '../language/ports.ts';
import type { GuestConfig, GuestOs, Healthcheck, MachineSettings } from '../oci/image.ts';
import { commandLine } from './command-line.ts';
import { resolveInGuest } from './guest-path.ts';
import type { Scope } from './scope.ts';

/** The config of an image made from nothing, or of a Linux disk that says nothing of itself. */
export const EMPTY_CONFIG: GuestConfig = {
  env: {},
  workdir: '/',
  user: '',
  shell: ['/bin/sh', '-c'],
  labels: {},
  exposedPorts: [],
  volumes: [],
};

/** The config of a disk that says nothing of itself. */
export function emptyConfig(os: GuestOs): GuestConfig {
  return os === 'linux' ? EMPTY_CONFIG : { ...EMPTY_CONFIG, workdir: 'C:\\', shell: ['cmd', '/S', '/C'] };
}

/** @param ownCmd The stage itself has set CMD already: a later ENTRYPOINT keeps it. */
export function applyToConfig(
  os: GuestOs,
  config: GuestConfig,
  instruction: StageInstruction,
  scope: Scope,
  ownCmd: boolean,
): GuestConfig {
  switch (instruction.kind) {
    case 'ENV': {
      const pairs = instruction.pairs.map(
        ({ key, value }) => [scope.expand(key), scope.expand(value)] as const,
      );
      scope.setEnv(pairs);
      return { ...config, env: scope.env };
    }
    case 'ARG': {
      const declared = instruction.declarations.map(
        ({ name, default: fallback }) => [scope.expand(name), fallback && scope.expand(fallback)] as const,
      );
      for (const [name, fallback] of declared) scope.declareArg(name, fallback);
      return config;
    }
    case 'LABEL': {
      const pairs = instruction.pairs.map(
        ({ key, value }) => [scope.expand(key), scope.expand(value)] as const,
      );
      return { ...config, labels: { ...config.labels, ...Object.fromEntries(pairs) } };
    }
    case 'MAINTAINER':
      return { ...config, labels: { ...config.labels, maintainer: instruction.name } };
    case 'WORKDIR':
      return { ...config, workdir: resolveInGuest(os, config.workdir, scope.expand(instruction.path)) };
    case 'USER':
      return { ...config, user: scope.expand(instruction.user) };
    case 'EXPOSE': {
      const ports = instruction.ports
        .flatMap((word) => scope.expandList(word))
        .flatMap((text) => parsePorts(text));
      return { ...config, exposedPorts: sortedUnion(config.exposedPorts, ports) };
    }
    case 'VOLUME': {
      const paths = instruction.paths.map((word) => scope.expand(word));
      const absolute = (path: string) => resolveInGuest(os, config.workdir, path);
      const volumes = os === 'windows' ? paths.map(absolute) : paths;
      return { ...config, volumes: sortedUnion(config.volumes, volumes) };
    }
    case 'CMD':
      return { ...config, cmd: commandLine(instruction.command, config.shell) };
    case 'ENTRYPOINT':
      return {
        ...(ownCmd ? config : withoutCmd(config)),
        entrypoint: commandLine(instruction.command, config.shell),
      };
    case 'SHELL':
      return { ...config, shell: instruction.argv };
    case 'STOPSIGNAL':
      return { ...config, stopSignal: scope.expand(instruction.signal) };
    case 'HEALTHCHECK':
      return { ...config, healthcheck: healthcheck(instruction) };
    case 'MACHINE': {
      const settings = instruction.pairs.map(({ key, value }) =>
        readMachineSetting(key.raw, scope.expand(value)),
      );
      return { ...config, machine: Object.assign({ ...config.machine }, ...settings) as MachineSettings };
    }
    case 'RUN':
    case 'COPY':
    case 'ADD':
    case 'REBOOT':
      return config;
  }
}

function withoutCmd(config: GuestConfig): GuestConfig {
  const { cmd: _, ...rest } = config;
  return rest;
}

function healthcheck({ command, ...fields }: HealthcheckInstruction): Healthcheck {
  if (!command) return { test: ['NONE'] };
  const { intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = fields;
  const given = Object.entries({ intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries });
  return {
    test: command.form === 'exec' ? ['CMD', ...command.argv] : ['CMD-SHELL', command.line],
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  };
}

function sortedUnion(first: readonly string[], second: readonly string[]): string[] {
  return [...new Set([...first, ...second])].sort();
}
