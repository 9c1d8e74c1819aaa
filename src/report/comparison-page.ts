/** The page of two networks side by side: different answers first, then one answer for different reasons. */

import type { ComparedAnswer, ComparedNetwork, Comparison } from "../audit/comparison";
import { entryOf } from "../guard";
import type { ImageLike } from "../image/image";
import type { Model } from "../model/model";
import { classOf, figure, wordsOf } from "./figures";
import { type Content, html } from "./markup";
import { modelFacts } from "./model-facts";
import { figures, foldedData, page, percent, type Section, table } from "./page";
import { fitted, pictureWriter } from "./picture-text";
import { drawSmallMap, smallMapColours } from "./small-map";

/** Pictures of each kind on the page. */
const shownOfKind = 24;

/** Ids of the pictures that the page of a comparison shows. */
const comparedExamples = ({ differentAnswers, differentEvidence }: Comparison): string[] => [
  ...differentAnswers.slice(0, shownOfKind),
  ...differentEvidence.slice(0, shownOfKind),
];

export function comparisonPage(
  title: string,
  comparison: Comparison,
  find: (id: string) => ImageLike | undefined,
  models: readonly Model[],
): string {
  const { a, b, images, agreement, correlation, differentAnswers, differentEvidence, method, failures } = comparison;
  const byId = new Map(images.map((image) => [image.id, image]));
  const write = pictureWriter(Math.max(60, 3 * comparedExamples(comparison).length));
  const row = (id: string): Content => {
    const image = entryOf(byId, id);
    const photo = find(id);
    const side = (answer: ComparedAnswer, network: ComparedNetwork): Content =>
      html`<li>${figure(
        write((size) => drawSmallMap(photo, answer.map, comparison.grid, network.input, Math.min(size, 256))),
        `Evidence of ${network.name} in ${id}`,
        html`<strong>${network.name}</strong>: ${classOf(answer)}, ${percent(answer.probability)}`,
      )}</li>`;
    return html`<h3>${id}${image.label !== undefined && ` (${image.label})`}</h3>
<p class="soft">Rank correlation of the evidence ${figures(image.correlation)}</p>
<ul class="pictures beside">${
      photo &&
      html`<li>${figure(
        write((size) => fitted(photo, Math.min(size, 256))),
        `Picture ${id}`,
        "The picture",
      )}</li>`
    }${side(image.a, a)}${side(image.b, b)}</ul>`;
  };
  const list = (ids: readonly string[], none: string): Content =>
    ids.length === 0
      ? html`<p>${none}</p>`
      : [
          ids.length > shownOfKind && html`<p>The first ${shownOfKind} of ${ids.length}.</p>`,
          ids.slice(0, shownOfKind).map(row),
        ];
  const sections: Section[] = [
    { title: "Different answers", body: list(differentAnswers, "There are none.") },
    { title: "One answer, the least alike evidence first", body: list(differentEvidence, "No answer is the same.") },
    {
      title: "How this was made",
      body: [
        modelFacts([], models),
        foldedData("What was asked", { method, layer: comparison.layer, a, b, grid: comparison.grid }),
        failures.length > 0 &&
          html`<p>Left out:</p><ul>${failures.map(({ id, message }) => html`<li><strong>${id}</strong>: ${message}</li>`)}</ul>`,
      ],
    },
  ];
  const accuracy = (network: ComparedNetwork): string =>
    network.accuracy === undefined ? "" : percent(network.accuracy);
  const isLabelled = a.accuracy !== undefined || b.accuracy !== undefined;
  return page(
    title,
    [
      html`<p><strong>${images.length} pictures: ${percent(agreement)} with the same answer${
        correlation !== undefined && html`, whose evidence has a mean rank correlation of ${figures(correlation)}`
      }.</strong> Each network's own answer was explained by ${wordsOf(method)?.title ?? method}. A correlation of 1 is the same order of all places, 0 no likeness. ${smallMapColours}</p>`,
      table(
        "Both networks",
        ["network", ...(isLabelled ? ["right"] : []), "file"],
        [a, b].map((each) => [
          each.name,
          ...(isLabelled ? [accuracy(each)] : []),
          html`<code>${each.modelHash}</code>`,
        ]),
      ),
    ],
    sections,
  );
}
