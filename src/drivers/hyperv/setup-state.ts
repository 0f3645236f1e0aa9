/** Whether a Windows still has to set itself up when it starts, by what it says of itself (see SetupState.ps1). */

export const SET_UP = 'IMAGE_STATE_COMPLETE';

/**
 * Once it is complete, it knows its accounts. In audit mode it stays incomplete, and is of use all the same. One that says
 * nothing is taken for new: waiting in vain is better than giving up too early.
 */
export function mustSetUp(setupState: string): boolean {
  return setupState !== SET_UP && !setupState.endsWith('_TO_AUDIT');
}
