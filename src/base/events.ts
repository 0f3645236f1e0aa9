/** Events travel one way, as plain objects, from whoever works to whoever shows it. */

/** Receives events; must not throw. */
export type Listener<E> = (event: E) => void;

/** Progress of one piece of work, in units that `unit` names. `total` is absent while it is unknown. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
  readonly unit: 'bytes' | 'items';
}
