/** The page of explanations: each picture with what the network said, and the maps of every method on one scale. */
import type { Attribution } from "../attribution/attribution";
import type { ImageLike } from "../image/image";
import type { methodWords } from "../methods/table";
import { inWords } from "../methods/words";
import type { Model, Prediction } from "../model/model";
import { colormapTable } from "../view/colormap";
import { heatmapImage, overlay } from "../view/overlay";
import { commonScale, type Scaled, scaleOf } from "./common-scale";
import { classOf, figure, wordsOf } from "./figures";
import { type Content, html, type Markup } from "./markup";
import { modelFacts } from "./model-facts";
import { figures, foldedData, noteList, page, percent, type Section, table } from "./page";
import { fitted, pictureWriter } from "./picture-text";

/** What a page shows of an attribution: itself, or what JSON keeps of it with its values made a Tensor again. */
export type ReportedAttribution = Omit<Attribution, "byInput" | "toDataURL">;

/** One explanation with what is shown beside it. */
export interface ShownExplanation {
  readonly attribution: ReportedAttribution;
  readonly photo?: ImageLike;
  /** What the picture is called. */
  readonly name?: string;
  readonly predictions?: readonly Prediction[];
  /** What the network is called, where there are several. */
  readonly network?: string;
}

/** Figures of one's own on a page. */
export interface ReportTable {
  readonly title: string;
  /** What is to be said above it. */
  readonly lead?: string;
  /** Of the table alone, where it is not the title. */
  readonly caption?: string;
  /** The first names what the rows are of. */
  readonly columns: readonly string[];
  /** Each with a text or number for each column. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** What is to be said below it. */
  readonly remarks?: readonly string[];
}

/** Explanations of one picture. */
interface Group {
  readonly name: string;
  readonly photo?: ImageLike;
  readonly shown: readonly (ShownExplanation & { readonly scaled: Scaled })[];
}

export function explanationsPage(
  title: string,
  explanations: readonly ShownExplanation[],
  models: readonly Model[],
  { lead, tables = [] }: { readonly lead?: Content; readonly tables?: readonly ReportTable[] } = {},
): string {
  const scales = commonScale(explanations.map(({ attribution }) => attribution));
  const groups = grouped(explanations, scales);
  const photos = groups.filter(({ photo }) => photo).length;
  const write = pictureWriter(photos + scales.filter(({ map }) => map).length);
  const sections = groups.map((group): Section => ({ title: group.name, body: groupBody(group, write) }));
  const howTo = [lead ?? howToRead(explanations, models), legend(explanations, scales)];
  return page(title, tables.length > 0 ? lead : howTo, [
    ...tables.map(ownTable),
    ...(tables.length > 0 && explanations.length > 0 ? [{ title: "How to read the maps", body: howTo }] : []),
    ...sections,
    {
      title: "Networks and recipes",
      body: [
        modelFacts(
          explanations.map(({ attribution }) => attribution),
          models,
        ),
        repeat,
      ],
    },
  ]);
}

const ownTable = ({ title, lead, caption = title, columns, rows, remarks = [] }: ReportTable): Section => ({
  title,
  body: [
    lead !== undefined && html`<p>${lead}</p>`,
    table(caption, columns, rows),
    remarks.length > 0 && html`<ul>${remarks.map((remark) => html`<li>${remark}</li>`)}</ul>`,
  ],
});

const repeat = html`<p>Each recipe above repeats its map bit for bit: <code>explain(model, picture, { ...recipe.options, method: recipe.method, seed: recipe.seed })</code>
with the network of the recipe's <code>modelHash</code>, loaded with its <code>arithmetic</code>, and its <code>quantized</code> where it has one.</p>`;

function howToRead(explanations: readonly ShownExplanation[], models: readonly Model[]): Content {
  const methods = [...new Set(explanations.map(({ attribution }) => attribution.method))];
  const asked = models.length > 0 ? models.map(({ name }) => name).join(", ") : "the network";
  return html`<p>What in each picture speaks for the answer of ${asked}. A map says what a network used, as far as the method can tell; it does not say
whether the answer is right.</p>
<ul>${methods.map((method) => {
    const words = wordsOf(method);
    return words && html`<li><strong>${words.title}</strong>: ${words.says}</li>`;
  })}</ul>`;
}

/** The scale of each method, once; of several networks for each. */
function legend(explanations: readonly ShownExplanation[], scales: readonly Scaled[]): Content {
  const shared = new Map<string, { readonly of: ShownExplanation; readonly scaled: Scaled }>();
  explanations.forEach((of, i) => {
    const key = scaleOf(of.attribution);
    if (scales[i].strongest !== undefined && !shared.has(key)) shared.set(key, { of, scaled: scales[i] });
  });
  if (shared.size === 0) return undefined;
  const several = new Set(explanations.map(({ attribution }) => attribution.recipe.modelHash)).size > 1;
  return html`<p>All maps of a method share one scale${several && ", of each network its own"}: the same colour is the same value in every picture.</p>
<ul class="pictures">${[...shared.values()].map(
    ({ of: { attribution, network }, scaled: { map, strongest = 0 } }) =>
      html`<li><figure><figcaption>${wordsOf(attribution.method)?.title ?? attribution.method}${several && `, ${network ?? attribution.recipe.modelHash.slice(0, 19)}`}</figcaption>${bar(map?.signed ?? false, strongest)}</figure></li>`,
  )}</ul>`;
}

/** The colours from the lowest value to the highest. */
function bar(signed: boolean, strongest: number): Markup {
  const colours = colormapTable(signed ? "red-blue" : "turbo");
  const stops = Array.from({ length: 11 }, (_, i) => {
    const at = Math.round((i / 10) * 255) * 3;
    return `rgb(${colours[at]},${colours[at + 1]},${colours[at + 2]})`;
  });
  return html`<div class="scale"><span>${figures(signed ? -strongest : 0)}</span><span class="bar" style="background:linear-gradient(to right,${stops.join(
    ",",
  )})"></span><span>${figures(strongest)}</span></div>`;
}

/** Consecutive explanations of one picture belong together: the same photograph, or the same name. */
function grouped(explanations: readonly ShownExplanation[], scales: readonly Scaled[]): readonly Group[] {
  const groups: { name?: string; photo?: ImageLike; shown: (ShownExplanation & { scaled: Scaled })[] }[] = [];
  explanations.forEach((each, i) => {
    const last = groups.at(-1);
    const known = each.name !== undefined || each.photo !== undefined;
    const shown = { ...each, scaled: scales[i] };
    if (last && known && last.name === each.name && last.photo === each.photo) last.shown.push(shown);
    else groups.push({ name: each.name, photo: each.photo, shown: [shown] });
  });
  return groups.map(({ name, photo, shown }, i) => ({
    name: name ?? (groups.length === 1 ? "The picture" : `Picture ${i + 1}`),
    ...(photo && { photo }),
    shown,
  }));
}

function groupBody({ name, photo, shown }: Group, write: ReturnType<typeof pictureWriter>): Content {
  // What each network said, once.
  const said = new Map(
    shown.flatMap(({ network, predictions }) => (predictions ? [[network, predictions] as const] : [])),
  );
  return [
    html`<ul class="pictures">
${
  photo &&
  html`<li>${figure(
    write((side) => fitted(photo, side)),
    `${name}, as it was given`,
    "The picture",
  )}</li>`
}
${shown.map(
  (each) => html`<li>${mapFigure(each, name, photo, write)}</li>
`,
)}</ul>`,
    [...said].map(([network, predictions]) => predictionTable(predictions, name, network)),
    shown.map(({ attribution, network }) => {
      const where = network === undefined ? attribution.method : `${attribution.method}, ${network}`;
      return [
        noteList(attribution.notes, `To keep in mind: ${where}`),
        foldedData(`Recipe: ${where}`, attribution.recipe),
      ];
    }),
  ];
}

const predictionTable = (predictions: readonly Prediction[], name: string, network = "the network"): Markup =>
  table(
    `What ${network} said of ${name}`,
    ["class", "probability", "score"],
    predictions.map((each) => [classOf(each), `${(100 * each.probability).toFixed(1)} %`, figures(each.score)]),
  );

function mapFigure(
  { attribution, scaled, network }: ShownExplanation & { readonly scaled: Scaled },
  name: string,
  photo: ImageLike | undefined,
  write: ReturnType<typeof pictureWriter>,
): Content {
  const { method, target, layer, values } = attribution;
  const title = wordsOf(method)?.title ?? method;
  const who = classOf(target);
  const heading = html`<strong>${title}</strong>${network !== undefined && html`, ${network}`}: ${who}${layer !== undefined && html` at <code>${layer}</code>`}, score ${figures(target.score)}`;
  const { map, own, strongest } = scaled;
  if (!map) {
    return html`<figure><figcaption>${heading}. ${values.data.length} values without places in the picture; there is nothing to draw.</figcaption></figure>`;
  }
  const { high, low } = wordsOf(method)
    ? inWords(method as keyof typeof methodWords, who)
    : { high: `it speaks for ${who}`, low: map.signed ? `it speaks against ${who}` : "nothing speaks for it" };
  const picture = write((side) => (photo ? overlay(fitted(photo, side), map) : fitted(heatmapImage(map), side)));
  const size =
    own === undefined || strongest === undefined
      ? "On a scale of its own."
      : own === 0
        ? "Nothing is marked."
        : `Its strongest place: ${figures(own)}, ${percent(own / strongest)} of the scale.`;
  return figure(
    picture,
    `${title} of ${name} for ${who}: ${wherePeaks(map)}`,
    html`${heading}. Red: ${high}; blue: ${low}. <span class="soft">${size}</span>`,
  );
}

/** Where the strongest place is, in words, for who cannot see the picture. */
function wherePeaks({
  data,
  width,
  height,
}: {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}): string {
  let at = 0;
  for (let i = 1; i < data.length; i++) if (data[i] > data[at]) at = i;
  if (!(data[at] > 0)) return "no place speaks for it";
  const third = (part: number): number => Math.min(2, Math.floor(part * 3));
  const row = ["top", "middle", "bottom"][third(Math.floor(at / width) / height)];
  const column = ["left", "centre", "right"][third((at % width) / width)];
  return `strongest at the ${row} ${column}`;
}
