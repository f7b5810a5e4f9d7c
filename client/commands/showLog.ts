import type { Palate } from '../palate.ts';

export async function run({ log }: Palate): Promise<void> {
  log.show();
}
