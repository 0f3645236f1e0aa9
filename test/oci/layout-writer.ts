/** Puts ten images into a layout: `layout-writer.ts FOLDER NUMBER`. */
import { openLayout } from '../../src/oci/layout.ts';
import { makeContainerImage, pushContainer } from './container-image.ts';

const [folder = '', writer = ''] = process.argv.slice(2);
for (let number = 0; number < 10; number++) {
  const image = await makeContainerImage([{ shared: 'same' }, { own: `${writer}.${number}` }]);
  await pushContainer(image, openLayout(folder, { create: true }), `w${writer}.${number}`);
}
