import createDOMPurify, { type Config } from 'dompurify';

/** What our own renderers write. Nothing that loads, runs, navigates, is submitted or has a name. */
const proseTags =
  'p br hr h3 h4 h5 h6 ul ol li blockquote pre code em strong s table thead tbody tr th td span button'.split(' ');
const proseAttributes = ['class', 'start', 'type', 'data-formula', 'data-address'];

const mathTags = (
  'span svg path line math semantics annotation mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup ' +
  'munder mover munderover mtable mtr mtd mlabeledtr mstyle mpadded mphantom menclose mglyph'
).split(' ');
const mathAttributes = (
  'class data-style aria-hidden xmlns width height viewbox preserveaspectratio d x1 x2 y1 y2 stroke-width encoding ' +
  'mathvariant stretchy fence separator lspace rspace minsize maxsize accent accentunder linethickness columnalign ' +
  'rowspacing columnspacing columnlines rowlines displaystyle scriptlevel voffset depth notation movablelimits ' +
  'symmetric mathcolor mathbackground mathsize display'
).split(' ');

const common: Config = {
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOW_UNKNOWN_PROTOCOLS: false,
  KEEP_CONTENT: true,
  RETURN_DOM_FRAGMENT: true,
};

const classNames = {
  prose: /^(hljs-[a-z_-]+|formula|formula-block|wide|link|address|unloaded|language|align-(left|right|center))$/,
  math: /^[A-Za-z0-9_-]+$/,
};

const prose = purifier(classNames.prose);
const math = purifier(classNames.math);

/** Rendered Markdown as a tree that belongs to no document yet. Throws nothing, whatever the markup. */
export function sanitiseProse(markup: string): DocumentFragment {
  return prose.sanitize(markup, {
    ...common,
    ALLOWED_TAGS: proseTags,
    ALLOWED_ATTR: proseAttributes,
    // It is text to be copied, and leads nowhere: an address that a browser would refuse is still shown.
    ADD_URI_SAFE_ATTR: ['data-address'],
  }) as unknown as DocumentFragment;
}

/**
 * KaTeX's markup. A policy forbids style attributes, even while a tree is parsed, but not styles that a script sets:
 * they come in under another name (text has no bare quotation mark, so only attributes are renamed) and are set one by
 * one.
 */
export function sanitiseMath(markup: string): DocumentFragment {
  const fragment = math.sanitize(markup.replaceAll(' style="', ' data-style="'), {
    ...common,
    ALLOWED_TAGS: mathTags,
    ALLOWED_ATTR: mathAttributes,
    ADD_URI_SAFE_ATTR: ['data-style'],
  }) as unknown as DocumentFragment;
  const here = document.adoptNode(fragment);
  for (const styled of here.querySelectorAll<HTMLElement>('[data-style]')) {
    applyStyle(styled, styled.dataset.style ?? '');
    styled.removeAttribute('data-style');
  }
  return here;
}

function purifier(classes: RegExp) {
  const purify = createDOMPurify(window);
  purify.addHook('uponSanitizeAttribute', (_node, attribute) => {
    if (attribute.attrName === 'class') {
      attribute.attrValue = attribute.attrValue
        .split(/\s+/)
        .filter((name) => classes.test(name))
        .join(' ');
    }
    if (attribute.attrName === 'type' && attribute.attrValue !== 'button') attribute.keepAttr = false;
  });
  return purify;
}

/** What KaTeX sets, with the values that it writes: lengths, colours, a few words. */
const styleNames =
  /^(height|width|min-width|top|bottom|left|vertical-align|position|color|background-color|border-(top|bottom|left|right)?-?(width|style|color)|margin(-(top|bottom|left|right))?|padding-(left|right)|text-shadow)$/;
const styleValue = /^[\w.#%+\- ]+$|^(rgb|rgba|hsl|calc)\([\w.,%+\- /]*\)$/;

function applyStyle(to: HTMLElement, text: string): void {
  for (const declaration of text.split(';')) {
    const colon = declaration.indexOf(':');
    const name = declaration.slice(0, colon).trim();
    const value = declaration.slice(colon + 1).trim();
    if (value === 'fixed' || value === 'sticky') continue;
    if (styleNames.test(name) && styleValue.test(value)) to.style.setProperty(name, value);
  }
}
