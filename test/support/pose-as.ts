/** Lets the host look like another one, for what asks `hostSystem` (src/base/host-platform.ts), until the test ends. */
import { onTestFinished } from 'vitest';

export function poseAs(platform: NodeJS.Platform): void {
  const own = process.platform;
  Object.defineProperty(process, 'platform', { value: platform });
  onTestFinished(() => void Object.defineProperty(process, 'platform', { value: own }));
}
