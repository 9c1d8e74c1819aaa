import { show } from "../checks";

/** Text that is HTML already; everything else that enters a page is escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What may stand between pieces of HTML. */
export type Content = string | number | Markup | undefined | false | readonly Content[];

/** HTML with values between its pieces: texts are escaped, lists joined, `undefined` and `false` left out. */
export const html = (pieces: TemplateStringsArray, ...values: readonly Content[]): Markup =>
  new Markup(pieces.reduce((page, piece, i) => page + written(values[i - 1]) + piece));

function written(content: Content): string {
  if (content === undefined || content === false) return "";
  if (content instanceof Markup) return content.text;
  if (Array.isArray(content)) return content.map(written).join("");
  // What was damaged on its way is shown as what it is.
  if (typeof content === "object") return escaped(show(content));
  return escaped(String(content));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/**
 * Labels and file names come from strangers: nothing in them may become a tag, leave its attribute, turn the direction of what
 * follows, or be no character at all.
 */
const escaped = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in a page
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, "\ufffd")
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
    .replace(/[&<>"'`]/g, (character) => entities[character]);
