/** What a test sees of a chart: its place in the page, its table, its pixels. */
import type { Page } from 'playwright-core';
import type { StageName } from '../../../server/protocol/types.ts';

export const chart = (page: Page, stage: StageName, metric: string) =>
  page.locator(`[data-stage="${stage}"] [data-metric="${metric}"].chart`);

/** Cells of the table beside a chart, row by row. */
export async function rows(page: Page, stage: StageName, metric: string): Promise<string[][]> {
  const table = chart(page, stage, metric).locator('.data-table');
  if (await table.isHidden()) await chart(page, stage, metric).getByRole('button', { name: 'Table' }).click();
  return table
    .locator('tbody tr')
    .evaluateAll((found) =>
      found.map((row) => [...row.children].map((cell) => (cell as HTMLElement).title || (cell.textContent ?? ''))),
    );
}

/** Pixels of a chart's picture that are not the page's background. */
export const ink = (page: Page, stage: StageName, metric: string) =>
  chart(page, stage, metric)
    .locator('canvas')
    .evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      let blue = 0;
      for (let k = 0; k < data.length; k += 4) if (data[k + 2] > 180 && data[k] < 130 && data[k + 3] > 200) blue++;
      return blue;
    });
