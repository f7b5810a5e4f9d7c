import { button, element, fill } from '../common/elements.ts';
import { copyText } from './copy.ts';

export interface Column {
  readonly title: string;
  readonly values: readonly (string | number | null)[];
}

export interface DataTable {
  readonly root: HTMLElement;
  show(columns: readonly Column[], print: (value: number) => string): void;
}

const pageSize = 100;

/** Numbers as a table: newest page first shown, and all of it as tab-separated values for a spreadsheet. */
export function createTable(caption: string, say: (sentence: string) => void): DataTable {
  const table = element('table', { class: 'numbers' });
  const place = element('span', { class: 'faint' });
  const turn = (by: number) => () => {
    page = Math.min(pages() - 1, Math.max(0, page + by));
    // On the last page one wants to see what comes.
    follows = page === pages() - 1;
    draw();
  };
  const earlier = button('Earlier', turn(-1), { look: 'quiet' });
  const later = button('Later', turn(1), { look: 'quiet' });
  const copy = button('Copy as TSV', () => void copyText(tsv(columns)).then(say), { look: 'quiet' });
  const scroller = element(
    'div',
    { class: 'table-scroller', attributes: { role: 'region', 'aria-label': caption }, set: { tabIndex: 0 } },
    table,
  );
  const root = element(
    'div',
    { class: 'data-table' },
    scroller,
    element('div', { class: 'row' }, earlier, place, later, copy),
  );
  let columns: readonly Column[] = [];
  let print = String as (value: number) => string;
  let page = 0;
  let follows = true;

  const rows = () => columns[0]?.values.length ?? 0;
  const pages = () => Math.max(1, Math.ceil(rows() / pageSize));
  const draw = () => {
    const first = page * pageSize;
    const last = Math.min(rows(), first + pageSize);
    const line = (k: number) =>
      element(
        'tr',
        {},
        ...columns.map(({ values }, column) => {
          const value = values[k];
          const text = typeof value === 'number' ? (column === 0 ? String(value) : print(value)) : (value ?? '–');
          return column === 0
            ? element('th', { attributes: { scope: 'row' } }, text)
            : element('td', typeof value === 'number' ? { set: { title: String(value) } } : {}, text);
        }),
      );
    fill(
      table,
      element('caption', { class: 'unseen' }, caption),
      element(
        'thead',
        {},
        element('tr', {}, ...columns.map(({ title }) => element('th', { attributes: { scope: 'col' } }, title))),
      ),
      element('tbody', {}, ...Array.from({ length: last - first }, (_, k) => line(first + k))),
    );
    place.textContent = rows() === 0 ? 'No rows' : `${first + 1}–${last} of ${rows()}`;
    earlier.disabled = page === 0;
    later.disabled = page >= pages() - 1;
    for (const step of [earlier, later, place]) step.hidden = pages() === 1 && step !== place;
  };

  return {
    root,
    show(next, printValue) {
      [columns, print] = [next, printValue];
      if (follows || page >= pages()) page = pages() - 1;
      draw();
    },
  };
}

/** Every row, numbers as exact as they are; a tab or a line end in a text becomes a space. */
export function tsv(columns: readonly Column[]): string {
  const cell = (value: string | number | null) =>
    value === null ? '' : typeof value === 'number' ? String(value) : value.replace(/[\t\r\n]+/g, ' ');
  const count = columns[0]?.values.length ?? 0;
  const lines = Array.from({ length: count }, (_, k) =>
    columns.map(({ values }) => cell(values[k] ?? null)).join('\t'),
  );
  return `${[columns.map(({ title }) => cell(title)).join('\t'), ...lines].join('\n')}\n`;
}
