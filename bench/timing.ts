/** Times whole commands: everything the caller of the command waits for. */

export interface Timed {
  readonly name: string;
  readonly run: () => Promise<void>;
  /** Not timed, before each run. */
  readonly before?: () => Promise<void>;
}

/** The median of each, taken in turns so that a drifting machine touches all alike. */
export async function medians(timed: readonly Timed[], runs: number): Promise<Map<string, number>> {
  const seconds = new Map(timed.map(({ name }): [string, number[]] => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const { name, run: work, before } of timed) {
      await before?.();
      const startedMs = performance.now();
      await work();
      seconds.get(name)!.push((performance.now() - startedMs) / 1000);
    }
  }
  return new Map([...seconds].map(([name, values]) => [name, median(values)]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A line of the result: ours against a peer's, with the bound that the project holds itself to. */
export function row(
  what: string,
  ours: number,
  peer: string,
  theirs: number,
  bound: number,
  unit = 's',
): string {
  const ratio = ours / theirs;
  const verdict = ratio <= bound ? 'holds' : 'FAILS';
  const cells = [
    what,
    format(ours, unit),
    `${peer} ${format(theirs, unit)}`,
    ratio.toFixed(2),
    `<= ${bound}`,
    verdict,
  ];
  return `| ${cells.join(' | ')} |`;
}

export const TABLE_HEAD =
  '| what | hyperfile | peer | ratio | bound | |\n| --- | --- | --- | --- | --- | --- |';

function format(value: number, unit: string): string {
  if (unit !== 'bytes') return `${value.toFixed(3)} ${unit}`;
  return value < 1024 ** 2 ? `${(value / 1024).toFixed(0)} KiB` : `${(value / 1024 ** 2).toFixed(1)} MiB`;
}
