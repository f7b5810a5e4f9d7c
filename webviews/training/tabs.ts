import { element } from '../common/elements.ts';
import type { TabName } from './state.ts';

export interface Tabs {
  readonly root: HTMLElement;
  choose(name: TabName): void;
}

/** Tabs as ARIA has them: arrows go from one to the next, one of them takes the Tab key. */
export function createTabs(
  panels: readonly { readonly name: TabName; readonly title: string; readonly panel: HTMLElement }[],
  chosen: (name: TabName) => void,
): Tabs {
  const made = panels.map(({ name, title, panel }) => {
    const tab = element(
      'button',
      {
        class: 'tab',
        attributes: { role: 'tab', 'aria-controls': `panel-${name}` },
        set: { type: 'button', id: `tab-${name}`, onclick: () => pick(name) },
      },
      title,
    );
    const root = element(
      'div',
      {
        attributes: { role: 'tabpanel', 'aria-labelledby': `tab-${name}` },
        set: { id: `panel-${name}`, hidden: true },
      },
      panel,
    );
    return { name, tab, root };
  });
  const list = element(
    'div',
    { class: 'tabs', attributes: { role: 'tablist', 'aria-label': 'What is shown of the run' } },
    ...made.map(({ tab }) => tab),
  );
  list.addEventListener('keydown', (event) => {
    const at = made.findIndex(({ tab }) => tab === document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: made.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    const next = made[(to + made.length) % made.length];
    next.tab.focus();
    pick(next.name);
    event.preventDefault();
  });

  function choose(name: TabName): void {
    for (const each of made) {
      const on = each.name === name;
      each.tab.setAttribute('aria-selected', String(on));
      each.tab.tabIndex = on ? 0 : -1;
      each.root.hidden = !on;
    }
  }

  function pick(name: TabName): void {
    choose(name);
    chosen(name);
  }

  return { root: element('div', {}, list, ...made.map(({ root }) => root)), choose };
}
