/** Every benchmark, one after another, each beside its peer. Quote ratios: machines differ, and drift. */
import { execa } from 'execa';

const BENCHMARKS = [
  'engine',
  'vhdx-tables',
  'convert',
  'disk-server',
  'build',
  'blob',
  'registry',
  'powershell',
];

for (const name of BENCHMARKS) {
  console.log(`\n## ${name}\n`);
  await execa(process.execPath, [`${import.meta.dirname}/${name}.ts`], { stdio: 'inherit', reject: false });
}
