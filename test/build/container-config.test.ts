import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_CONFIG_BYTES, parseContainerConfig } from '../../src/build/bases/container-config.ts';
import { HyperfileError } from '../../src/base/error.ts';
import { digestOf } from '../../src/oci/digest.ts';

const DIFF_ID = digestOf('a layer');
const IMAGE = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [DIFF_ID] } };

const parse = (image: unknown) => parseContainerConfig(Buffer.from(JSON.stringify(image)), 'it');
const execution = (config: unknown) => parse({ ...IMAGE, config }).config;

describe('the config of a container image', () => {
  it('becomes that of a guest', () => {
    const config = execution({
      Env: ['PATH=/bin:/usr/bin', 'EMPTY=', 'EQUALS==x=y', 'PATH=/bin', 'NOTHING', '=odd'],
      Entrypoint: ['/entry', '--flag'],
      Cmd: 'lone',
      WorkingDir: 'srv/../data',
      User: 'app:staff',
      Labels: { one: '1', two: '' },
      ExposedPorts: { '8080': {}, '53/udp': {}, '100-102/TCP': {} },
      Volumes: { '/z': {}, '/a': null },
      StopSignal: 'SIGQUIT',
      Shell: ['/bin/bash', '-c'],
      Healthcheck: {
        Test: ['CMD-SHELL', 'true'],
        Interval: 30e9,
        Timeout: 1_500_000,
        StartPeriod: 0,
        Retries: 3,
      },
      ArgsEscaped: true,
      Memory: 'anything',
    });
    expect(config).toEqual({
      env: { PATH: '/bin', EMPTY: '', EQUALS: '=x=y' },
      entrypoint: ['/entry', '--flag'],
      cmd: ['lone'],
      workdir: '/data',
      user: 'app:staff',
      labels: { one: '1', two: '' },
      exposedPorts: ['100/tcp', '101/tcp', '102/tcp', '53/udp', '8080/tcp'],
      volumes: ['/a', '/z'],
      stopSignal: 'SIGQUIT',
      shell: ['/bin/bash', '-c'],
      healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 30_000, timeoutMs: 2, retries: 3 },
    });
  });

  it.each([
    [undefined],
    [null],
    [{}],
    [{ Env: null, Cmd: null, Entrypoint: [], Labels: null, Volumes: null, Shell: null, Healthcheck: {} }],
  ])('may say nothing: %j', (config) => {
    const { env, workdir, user, shell, labels, exposedPorts, volumes, ...rest } = execution(config);
    expect([env, workdir, user, shell, labels]).toEqual([{}, '/', '', ['/bin/sh', '-c'], {}]);
    expect([exposedPorts, volumes, rest]).toEqual([[], [], {}]);
  });

  it('keeps names that objects have of their own', () => {
    expect(Object.keys(execution({ Env: ['__proto__=x', 'constructor=y'] }).env)).toEqual([
      '__proto__',
      'constructor',
    ]);
  });

  it('tells its history in short', () => {
    const { history } = parse({
      ...IMAGE,
      history: [
        { created: '2024-05-06T07:08:09.123456789Z', created_by: '/bin/sh -c #(nop) ADD file:abc in / ' },
        { created_by: 'RUN /bin/sh -c apt-get\n\tupdate # buildkit', created: 'yesterday' },
        { created_by: '/bin/sh -c make', empty_layer: true },
        { created_by: 'x'.repeat(5000) },
        {},
      ],
    });
    expect(history.slice(0, 3)).toEqual([
      { created: '2024-05-06T07:08:09.123Z', createdBy: 'ADD file:abc in /' },
      { createdBy: 'RUN /bin/sh -c apt-get update' },
      { createdBy: 'RUN make' },
    ]);
    expect(history[3].createdBy).toHaveLength(160);
    expect(history[4]).toEqual({ createdBy: '' });
  });

  it.each<[string, unknown]>([
    ['it is not JSON', 'x'],
    ['os is not a text', { ...IMAGE, os: 7 }],
    ['architecture is not a text', { ...IMAGE, architecture: undefined }],
    ['rootfs is not an object', { ...IMAGE, rootfs: [] }],
    ['rootfs.type is not "layers"', { ...IMAGE, rootfs: { type: 'layers+base', diff_ids: [] } }],
    [
      'rootfs.diff_ids is not a list of SHA-256 digests',
      { ...IMAGE, rootfs: { type: 'layers', diff_ids: ['md5:0'] } },
    ],
    ['config is not an object', { ...IMAGE, config: 'x' }],
    ['config.Env is not a list', { ...IMAGE, config: { Env: {} } }],
    ['config.Env is not a list of texts', { ...IMAGE, config: { Env: [1] } }],
    ['config.Env is not free of zero bytes', { ...IMAGE, config: { Env: ['A=\0'] } }],
    ['config.Labels.a is not a text', { ...IMAGE, config: { Labels: { a: 1 } } }],
    [
      'config.ExposedPorts is not a set of ports: "http" is none',
      { ...IMAGE, config: { ExposedPorts: { http: {} } } },
    ],
    ['config.Volumes is not an object', { ...IMAGE, config: { Volumes: ['/a'] } }],
    [
      'config.Healthcheck.Test is not a test that is known',
      { ...IMAGE, config: { Healthcheck: { Test: ['EXEC', 'x'] } } },
    ],
    [
      'config.Healthcheck.Interval is not a whole number',
      { ...IMAGE, config: { Healthcheck: { Test: ['NONE'], Interval: -1 } } },
    ],
    ['history[1] is not an object', { ...IMAGE, history: [{}, 1] }],
    ['history has more than 16384 entries', { ...IMAGE, history: Array(16_385).fill({}) }],
  ])('is refused when %s', (reason, image) => {
    const bytes = Buffer.from(image === 'x' ? '{' : JSON.stringify(image));
    expect(() => parseContainerConfig(bytes, 'it')).toThrow(
      expect.objectContaining({
        code: 'BUILD_CONTAINER_CONFIG',
        message: expect.stringContaining(reason) as string,
      }),
    );
  });

  it('is refused when it is too long', () => {
    expect(() => parseContainerConfig(Buffer.alloc(MAX_CONFIG_BYTES + 1, ' '), 'it')).toThrow(
      'it is longer than',
    );
  });

  it('gives an error of ours for whatever else is there', () => {
    const keys = [
      'Env',
      'Cmd',
      'Entrypoint',
      'WorkingDir',
      'User',
      'Labels',
      'ExposedPorts',
      'Volumes',
      'Shell',
      'OnBuild',
      'StopSignal',
      'Healthcheck',
    ];
    const config = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue());
    const image = fc.record(
      {
        config,
        rootfs: fc.constant(IMAGE.rootfs),
        os: fc.jsonValue(),
        architecture: fc.constant('x'),
        history: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(image, (value) => {
        try {
          parse(value);
        } catch (error) {
          expect(error).toBeInstanceOf(HyperfileError);
        }
      }),
    );
  });
});
