/** As much of a browser's document as our pages use: elements with attributes, text, children and events; no layout, no markup parser. */

export class SmallElement {
  readonly attributes = new Map<string, string>();
  children: (SmallElement | string)[] = [];
  readonly #listeners = new Map<string, ((event: object) => unknown)[]>();
  readonly name: string;
  hidden = false;
  value = "";
  className = "";
  focused = false;

  constructor(name: string) {
    this.name = name;
  }
  get dataset(): Record<string, string> {
    return Object.fromEntries(
      [...this.attributes].flatMap(([key, value]) => (key.startsWith("data-") ? [[key.slice(5), value]] : [])),
    );
  }
  get textContent(): string {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join("");
  }
  set textContent(text: string) {
    this.children = [text];
  }
  set innerHTML(_: string) {
    throw new Error("markup is not made from text");
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
    if (name === "value") this.value = value;
  }
  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }
  append(...children: (SmallElement | string)[]): void {
    this.children.push(...children);
    if (this.name === "select" && this.value === "") this.value = this.textContent;
  }
  replaceChildren(...children: (SmallElement | string)[]): void {
    this.children = children;
  }
  addEventListener(type: string, listener: (event: object) => unknown): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  dispatch(type: string, event: object = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ preventDefault() {}, target: this, ...event });
  }
  focus(): void {
    this.focused = true;
  }
  getBoundingClientRect() {
    return { width: 640, height: 480 };
  }
  /** this and everything inside, of one name */
  all(name: string): SmallElement[] {
    const inside = this.children.flatMap((child) => (typeof child === "string" ? [] : child.all(name)));
    return this.name === name ? [this, ...inside] : inside;
  }
}

/** A document whose elements with an id are those of the page's markup. */
export function smallDocument(html: string) {
  const named = new Map<string, SmallElement>();
  for (const [, name = "", id = ""] of html.matchAll(/<(\w+)\b[^>]*?\bid="(\w+)"/g))
    named.set(id, new SmallElement(name));
  const documentElement = new SmallElement("html");
  return {
    documentElement,
    body: new SmallElement("body"),
    getElementById: (id: string) => {
      const found = named.get(id);
      if (found === undefined) throw new Error(`the page has no #${id}`);
      return found;
    },
    createElement: (name: string) => new SmallElement(name),
    createElementNS: (_: string, name: string) => new SmallElement(name),
    createTextNode: (text: string) => text,
  };
}

/** What stands in the page's only script. */
export function scriptOf(html: string): string {
  const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, code = ""]) => code);
  if (scripts.length !== 1) throw new Error(`the page has ${scripts.length} scripts`);
  return scripts[0] ?? "";
}

/** Faults of a page that must carry everything with it: loads, markup from text, handlers and styles inside the markup, size. */
export function pageFaults(html: string): readonly string[] {
  const script = scriptOf(html);
  const markup = html.replace(script, "");
  return [
    [Buffer.byteLength(html) > 40_000, "more than 40 kB"],
    [/<link(?![^>]*href="data:)|<img|<iframe|<script [^>]*src|@import|url\(/i.test(markup), "loads something"],
    [
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/.test(script),
      "makes markup or code from text",
    ],
    [/https?:\/\//.test(html.replaceAll("http://www.w3.org/2000/svg", "")), "names another origin"],
    [/\son\w+="|\sstyle="/.test(markup), "handlers or styles inside the markup"],
    [!/<html lang="en">/.test(html), "no language"],
    [!/<title>[^<]+<\/title>/.test(html), "no title"],
  ].flatMap(([wrong, words]) => (wrong ? [String(words)] : []));
}
