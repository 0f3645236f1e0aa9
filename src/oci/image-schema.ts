/**
 * The shape of an image's description, checked where one comes from outside (a registry, a file). Load it lazily: what
 * the store itself wrote is checked by its digest instead, which costs next to nothing.
 */
import { z } from 'zod';
import { HyperfileError } from '../base/error.ts';
import type { ImageConfig } from './image.ts';

const text = z.string();
const texts = z.array(text);
const count = z.int().nonnegative();
const layerId = text.regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits');

const healthcheck = z.object({
  test: texts,
  intervalMs: count.optional(),
  timeoutMs: count.optional(),
  startPeriodMs: count.optional(),
  startIntervalMs: count.optional(),
  retries: count.optional(),
});

const guestConfig = z.object({
  env: z.record(text, text),
  entrypoint: texts.optional(),
  cmd: texts.optional(),
  workdir: text,
  user: text,
  shell: texts,
  labels: z.record(text, text),
  exposedPorts: texts,
  volumes: texts,
  stopSignal: text.optional(),
  healthcheck: healthcheck.optional(),
});

const disk = z
  .object({ sizeBytes: count, rootOffset: count, rootLength: count, rootType: text })
  .refine(
    ({ sizeBytes, rootOffset, rootLength }) => rootOffset + rootLength <= sizeBytes,
    'the root file system must lie on the disk',
  );

const imageConfig = z.object({
  schema: z.literal(1),
  created: text,
  os: text,
  architecture: text,
  config: guestConfig,
  disk,
  kind: z.literal('container').optional(),
  layers: z.array(layerId),
  history: z.array(z.object({ created: text, createdBy: text, layer: layerId.optional() })),
  key: text,
}) satisfies z.ZodType<ImageConfig>;

/**
 * Checks a description from elsewhere; `name` says which in the error. Fields that are not known are dropped.
 *
 * @throws HyperfileError STORE_IMAGE_DAMAGED, naming the first field that is wrong
 */
export function parseImageConfig(value: unknown, name: string): ImageConfig {
  const result = imageConfig.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0] ?? { path: [], message: 'it cannot be understood' };
  const reason = path.length === 0 ? message : `${path.join('.')}: ${message}`;
  throw new HyperfileError('STORE_IMAGE_DAMAGED', { data: { image: name, reason } });
}
