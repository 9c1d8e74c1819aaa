/** The frame of every report, and the pieces that several of them have. */
import type { Note } from "../notes";
import { version } from "../version";
import { type Content, html, Markup } from "./markup";
import { style } from "./style";

export interface Section {
  /** What stands in the page's list of contents. */
  readonly title: string;
  readonly body: Content;
}

/** Nothing may be loaded or run, whatever should get past the escaping. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A whole page. */
export function page(title: string, lead: Content, sections: readonly Section[]): string {
  const isLong = sections.length > 2;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="seethrough ${version}">
<title>${title}</title>
${styleTag}
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header>
<h1>${title}</h1>
${lead}
${
  isLong &&
  html`<nav aria-label="Contents"><details><summary>Contents</summary><ol>${sections.map(
    (section, i) => html`<li><a href="#s${i + 1}">${section.title}</a></li>`,
  )}</ol></details></nav>`
}
</header>
<main id="main" tabindex="-1">
${sections.map(
  ({ title: heading, body }, i) => html`<section aria-labelledby="s${i + 1}">
<h2 id="s${i + 1}">${heading}</h2>
${body}
</section>
`,
)}
</main>
<footer><p>Made by seethrough ${version}. The page holds everything it shows: it loads nothing and runs nothing.</p></footer>
</body>
</html>
`.text;
}

const styleTag = new Markup(`<style>${style}</style>`);

/** A table whose first column names the rows; numbers stand right. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Content[])[]): Markup {
  const numeric = head.map((_, column) => column > 0 && rows.every((row) => isNumeric(row[column])));
  const side = (column: number): Content => numeric[column] && new Markup(' class="n"');
  return html`<div class="table" role="group" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${head.map((title, column) => html`<th scope="col"${side(column)}>${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([name, ...cells]) =>
      html`<tr><th scope="row">${name}</th>${cells.map((cell, i) => html`<td${side(i + 1)}>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

const isNumeric = (cell: Content): boolean =>
  typeof cell === "number" || (typeof cell === "string" && /^[-−+]?[\d.,]*( %)?$/.test(cell));

/** What a reader should know of a result, in words; the code is what docs/notes.md lists. */
export const noteList = (notes: readonly Note[], title = "To keep in mind"): Content =>
  notes.length > 0 &&
  html`<details open><summary>${title}</summary><ul>${notes.map(
    ({ code, message }) => html`<li>${message} <span class="soft">(${code})</span></li>`,
  )}</ul></details>`;

/** Data as they are, behind a line that opens. */
export const foldedData = (title: string, data: unknown): Markup =>
  html`<details><summary>${title}</summary><pre><code>${JSON.stringify(data, null, 2)}</code></pre></details>`;

/** Four figures, without a row of zeros behind them. */
export const figures = (value: number): string => {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return (
    size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)))
  ).replaceAll("-", "−");
};

export const percent = (share: number): string => `${Math.round(100 * share)} %`;
