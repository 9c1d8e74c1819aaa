/** Pictures with their captions, and what methods and classes are called. */
import type { MethodWords } from "../methods/facts";
import { methodWords } from "../methods/table";
import { type Content, html, Markup } from "./markup";

/** A method in words; undefined of a method of somebody's own. */
export const wordsOf = (method: string): MethodWords | undefined =>
  Object.hasOwn(methodWords, method) ? methodWords[method as keyof typeof methodWords] : undefined;

/** What a class is called. */
export const classOf = ({ label, index }: { readonly label?: string; readonly index: number }): string =>
  label ?? `class ${index}`;

interface Url {
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** A picture; who cannot see it reads `alt`. */
export const figure = ({ url, width, height }: Url, alt: string, caption: Content): Markup =>
  html`<figure><img src="${new Markup(url)}" width="${width}" height="${height}" alt="${alt}"><figcaption>${caption}</figcaption></figure>`;
