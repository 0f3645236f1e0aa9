/** `hyperfile pull` of a container image: a base is made of it, under the name it was asked for. */
import { containerBase, type ContainerImage } from './bases/container.ts';
import type { BuildIo } from './build.ts';
import type { BuiltImage } from './events.ts';
import { buildInOneStep } from './one-step.ts';

/** @throws HyperfileError of the registry, of what is wrong with the image, TOOL_MISSING, INTERRUPTED */
export function pullContainer(image: ContainerImage, io: BuildIo): Promise<BuiltImage> {
  const { name } = image;
  const options = { title: `pull ${name}`, verb: 'pull', name, folder: io.store.root };
  return buildInOneStep(options, io, (workshop, step) => containerBase(image, workshop, step));
}
