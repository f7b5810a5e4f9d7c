/** Elements without markup: whatever a text holds, it is set as text. */

type Properties<Tag extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[Tag], 'style' | 'children' | 'innerHTML' | 'outerHTML'>
>;

export type Child = Node | string | null | undefined | false;

interface Options<Tag extends keyof HTMLElementTagNameMap> {
  readonly class?: string;
  /** Set as attributes: role, aria-…, data-…, `for`. False or undefined: left out. */
  readonly attributes?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Set as properties of the element: `onclick`, `type`, `value` … */
  readonly set?: Properties<Tag>;
}

/** A new element with its children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  options: Options<Tag> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (options.class) made.className = options.class;
  setAttributes(made, options.attributes ?? {});
  Object.assign(made, options.set);
  made.append(...present(children));
  return made;
}

export function setAttributes(
  of: Element,
  attributes: Readonly<Record<string, string | number | boolean | undefined>>,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || (value === false && !name.startsWith('aria-'))) of.removeAttribute(name);
    else of.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : String(value));
  }
}

/** Replaces what an element holds. */
export function fill(parent: Element, ...children: readonly Child[]): void {
  parent.replaceChildren(...present(children));
}

const present = (children: readonly Child[]) =>
  children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false);

interface ButtonOptions {
  /** Main action, side action, or one that looks like text until the pointer is on it. Default 'secondary'. */
  readonly look?: 'primary' | 'secondary' | 'quiet';
  /** Printed on it. */
  readonly key?: string;
  readonly title?: string;
  /** A switch: says whether it is on. */
  readonly pressed?: boolean;
  readonly class?: string;
}

/** A button that prints its key. */
export function button(label: string, act: () => void, options: ButtonOptions = {}): HTMLButtonElement {
  return element(
    'button',
    {
      class: `button ${options.look ?? 'secondary'}${options.class ? ` ${options.class}` : ''}`,
      attributes: { 'aria-pressed': options.pressed, 'aria-keyshortcuts': options.key && ariaKey(options.key) },
      set: { type: 'button', onclick: () => act(), ...(options.title ? { title: options.title } : {}) },
    },
    element('span', {}, label),
    options.key ? keyCap(options.key) : null,
  );
}

/** A key as it is printed. The name of the button is its label: the key is told by aria-keyshortcuts. */
export function keyCap(key: string): HTMLElement {
  return element('kbd', { attributes: { 'aria-hidden': 'true' } }, printedKey(key));
}

const printed: Readonly<Record<string, string>> = {
  ' ': 'Space',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Escape: 'Esc',
  '-': '−',
};

export const printedKey = (key: string) => printed[key] ?? (/^[a-z]$/.test(key) ? key.toUpperCase() : key);

const ariaKey = (key: string) => (key === ' ' ? 'Space' : key === '+' ? 'Plus' : key);
