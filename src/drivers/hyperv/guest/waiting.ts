/** What a guest that is waited for is told to be doing, from the progress of the function that waits for it. */
import type { CallOptions } from '../session/call.ts';
import type { SessionEvent } from '../session/records.ts';
import type { ConnectRequest } from './guest.ts';

/** Tells of waiting what a function's progress says about it, each time when that changes. */
export function waiting(
  { onWait, signal }: ConnectRequest,
  describe: (status: string) => string,
): Pick<CallOptions, 'signal' | 'onEvent'> {
  let last: string | undefined;
  return {
    ...(signal && { signal }),
    ...(onWait && {
      onEvent: (event: SessionEvent): void => {
        if (event.kind !== 'progress') return;
        const what = describe(event.status);
        if (what !== last) onWait(what);
        last = what;
      },
    }),
  };
}

/** @param status the machine's state and heartbeat, as Wait-HyperfileMachine puts them */
export function noHeartbeat(status: string): string {
  return `no heartbeat yet (${status.trim()})`;
}
