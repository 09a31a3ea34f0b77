/**
 * Builds the elements of the page. Texts become text nodes and nothing else, so a payload or an error that looks like
 * markup is shown as text.
 */
type Attributes = Readonly<Record<string, string | boolean>>;
type Child = Node | string;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children);
  return element;
}

export function makeSvg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  set(element, attributes);
  element.append(...children);
  return element;
}

/** `true` sets an attribute without a value, `false` removes the attribute. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value === true ? '' : value))
      element.setAttribute(name, value === true ? '' : value);
  }
}

/** Leaves an equal text alone: a thousand rows are updated every second, and each write costs a layout. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Lets a long name break after one of its punctuation marks, and not in the middle of a word. */
export function breakable(name: string): readonly Child[] {
  return name.split(/(?<=[_.,@-])/).flatMap((part, at) => (at === 0 ? part : [make('wbr'), part]));
}

export function button(text: string, attributes: Attributes, onClick: () => void): HTMLButtonElement {
  const made = make('button', { type: 'button', ...attributes }, text);
  made.addEventListener('click', onClick);
  return made;
}
