/** The page of concepts: the picture, and for each unit where it saw something, what it stands for, and what the answer is without it. */
import type { Concept, ConceptReport } from "../concepts/concepts";
import type { ImageLike } from "../image/image";
import type { Model } from "../model/model";
import type { Hit } from "../search/types";
import { cropImage } from "../view/crop-image";
import { heatmapImage, overlay } from "../view/overlay";
import { commonScale, type Scaled } from "./common-scale";
import { classOf, figure } from "./figures";
import { type Content, html } from "./markup";
import { modelFacts } from "./model-facts";
import { figures, foldedData, noteList, page, percent, type Section } from "./page";
import { fitted, pictureWriter } from "./picture-text";

const referencesShown = 5;

/**
 * @param photo  the picture that was explained
 * @param find   the pictures of the references, by id
 */
export function conceptsPage(
  title: string,
  report: ConceptReport,
  photo: ImageLike | undefined,
  find: (id: string) => ImageLike | undefined,
  models: readonly Model[],
): string {
  const { concepts, target, named, layer, flip, notes, recipe } = report;
  const scales = commonScale(concepts.map(({ attribution }) => attribution));
  const write = pictureWriter(Math.max(40, concepts.length * (1 + referencesShown) + 1));
  const who = classOf(target);
  const isOther = named.index !== target.index;
  const sections = concepts.map((concept, i): Section => {
    const title = `${i + 1}. Unit ${concept.unit}: ${percent(concept.share)} of what speaks for “${who}”`;
    return { title, body: conceptBody(concept, scales[i], who) };
  });
  return page(
    title,
    [
      html`<p><strong>${isOther ? `What speaks for “${who}”` : `The network says “${who}”`}</strong> (score ${figures(target.score)})${isOther ? `, though the network says “${classOf(named)}”` : ""}. A layer of it, <code>${layer}</code>, consists of units, each of which answers to some kind of pattern.
Below are those that mattered most: <em>where</em> each found its pattern in this picture, <em>what</em> that pattern is, by pictures in which the unit mattered most, and what the score is without it.</p>`,
      flip
        ? html`<p><strong>Without ${flip.units.length === 1 ? "unit" : "units"} ${flip.units.join(", ")} the network says “${classOf(flip.to)}”.</strong></p>`
        : isOther
          ? html`<p>Without which units the answer would be another one was not looked for: it is “${classOf(named)}” with all of them.</p>`
          : html`<p>Without all of these units together the network still says “${who}”.</p>`,
      photo &&
        html`<ul class="pictures"><li>${figure(
          write((side) => fitted(photo, side)),
          "The picture, as it was given",
          "The picture",
        )}</li></ul>`,
    ],
    [
      ...sections,
      {
        title: "How this was made",
        body: [noteList(notes), modelFacts([{ recipe }], models), foldedData("Recipe", recipe)],
      },
    ],
  );

  function conceptBody({ relevance, scoreWithout, references, unit }: Concept, { map }: Scaled, name: string): Content {
    const where =
      map &&
      figure(
        write((side) => (photo ? overlay(fitted(photo, side), map) : fitted(heatmapImage(map), side))),
        `Where unit ${unit} speaks for ${name}`,
        "Where it was seen. Red speaks for the answer, blue against it.",
      );
    return [
      html`<p>Relevance ${figures(relevance)}${scoreWithout !== undefined && html`; without it the score is ${figures(scoreWithout)} instead of ${figures(target.score)}`}.</p>`,
      html`<ul class="pictures small">${where && html`<li>${where}</li>`}${references.slice(0, referencesShown).map((hit) => html`<li>${reference(hit)}</li>`)}</ul>`,
      references.length === 0 &&
        html`<p class="soft">No references were given: topActivations(model, images, { layer, by: "relevance" }) finds pictures that show what the unit stands for.</p>`,
    ];
  }

  function reference({ id, crop }: Hit): Content {
    const picture = find(id);
    if (!picture) return html`<p>${id}, x ${crop.x}–${crop.x + crop.width}, y ${crop.y}–${crop.y + crop.height}</p>`;
    const cut = cropImage(picture, crop);
    return figure(
      write((side) => fitted(cut, Math.min(side, 160))),
      `What the unit saw in ${id}`,
      id,
    );
  }
}
