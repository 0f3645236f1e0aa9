/** How fast something moves, by what was told of it during the last seconds: a stall shows, an old burst does not. */

const WINDOW_MS = 5000;
const SAMPLE_MS = 100;
/** Before that, a speed would only be a guess. */
const SHORTEST_MS = 300;

interface Sample {
  readonly atMs: number;
  readonly amount: number;
}

export class Rate {
  #samples: Sample[];

  constructor(atMs: number, amount: number) {
    this.#samples = [{ atMs, amount }];
  }

  /** @param amount Moved so far; fewer than before when a transfer had to begin again. */
  add(atMs: number, amount: number): void {
    const last = this.#samples.at(-1);
    if (last && amount < last.amount) this.#samples = [];
    else if (this.#samples.length > 1 && last && atMs - last.atMs < SAMPLE_MS) this.#samples.pop();
    this.#samples.push({ atMs, amount });
    // One sample from before the window stays: the window's beginning counts from there.
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - WINDOW_MS) this.#samples.shift();
  }

  /** How much a second; undefined while there is too little to tell. */
  perSecond(nowMs: number): number | undefined {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || !last || nowMs - first.atMs < SHORTEST_MS) return undefined;
    return ((last.amount - first.amount) * 1000) / (nowMs - first.atMs);
  }
}
