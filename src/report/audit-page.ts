/** The page of an audit: suspicions first, each beside its control; then answers, and every class's clusters of evidence. */

import { checkAudit } from "../audit/merge-audits";
import type { Audit, AuditedClass, AuditedImage, EvidenceCluster, Suspicion } from "../audit/types";
import { entryOf, guarded } from "../guard";
import type { ImageLike } from "../image/image";
import type { Model } from "../model/model";
import { heatmapImage } from "../view/overlay";
import { figure, wordsOf } from "./figures";
import { type Content, html } from "./markup";
import { modelFacts } from "./model-facts";
import { figures, foldedData, page, percent, type Section, table } from "./page";
import { fitted, pictureWriter } from "./picture-text";
import { drawSmallMap, enlargedMap, smallMapColours } from "./small-map";

type Find = (id: string) => ImageLike | undefined;
type Write = ReturnType<typeof pictureWriter>;

const shownOfCluster = 6;
const shownOfConfusion = 4;
const cellsShown = 12;
const outliersShown = 6;
/** Answers with pictures: of a thousand classes the others are rows of the table, so that the page can be mailed. */
const classesShown = 24;

/**
 * The pictures that the page of an audit shows: whoever loads them from files needs no others.
 *
 * @returns their ids, each once
 * @throws {InputError} if it is no audit
 */
export function auditExamples(audit: Audit): string[] {
  return guarded("auditExamples", () => {
    checkAudit(audit, "auditExamples: the audit");
    return examplesOf(audit);
  });
}

function examplesOf(audit: Audit): string[] {
  const { confusion } = audit;
  const ofClasses = detailed(audit).flatMap(({ clusters, outliers }) => [
    ...clusters.flatMap(({ images }) => images.slice(0, shownOfCluster)),
    ...outliers.slice(0, outliersShown),
  ]);
  const ofCells = confusion.slice(0, cellsShown).flatMap(({ examples }) => examples.slice(0, shownOfConfusion));
  return [...new Set([...ofClasses, ...ofCells])];
}

/** Those with suspicions, the strongest first, then those of most pictures; in the order of the network. */
function detailed({ classes, suspicions }: Audit): readonly AuditedClass[] {
  const suspected = suspicions.flatMap(({ index }) => classes.filter((each) => each.index === index));
  const bySize = [...classes].sort((a, b) => b.size - a.size);
  const first = new Set([...new Set([...suspected, ...bySize])].slice(0, classesShown));
  return classes.filter((each) => first.has(each));
}

export function auditPage(title: string, audit: Audit, find: Find, models: readonly Model[]): string {
  const { suspicions, classes, confusion, failures } = audit;
  const byId = new Map(audit.images.map((image) => [image.id, image]));
  const withPictures = detailed(audit);
  const tiles = examplesOf(audit).length * 2 + withPictures.reduce((sum, { clusters }) => sum + clusters.length, 0) * 2;
  const shown: Shown = { audit, byId, find, write: pictureWriter(Math.max(tiles, 60)) };
  const sections: Section[] = [
    { title: "What to look at first", body: suspicionList(suspicions, withPictures, shown) },
    { title: "Right and wrong", body: answers(audit, confusion, shown) },
    ...withPictures.map((each): Section => ({ title: `Evidence for “${each.label}”`, body: classBody(each, shown) })),
  ];
  if (withPictures.length < classes.length) {
    sections.push({
      title: "Other answers",
      body: html`<p>${classes.length - withPictures.length} more answers of the network are rows of the table above; the audit's JSON has their clusters.</p>`,
    });
  }
  if (failures.length > 0) {
    const list = failures.slice(0, 100).map(({ id, message }) => html`<li><strong>${id}</strong>: ${message}</li>`);
    sections.push({
      title: "Pictures left out",
      body: html`<p>${failures.length} could not be audited.</p><ul>${list}</ul>`,
    });
  }
  sections.push({
    title: "How this was made",
    body: [
      modelFacts([], models),
      foldedData("What was asked: with the same pictures it gives the same result", audit.audit),
    ],
  });
  return page(title, lead(audit), sections);
}

interface Shown {
  readonly audit: Audit;
  readonly byId: ReadonlyMap<string, AuditedImage>;
  readonly find: Find;
  readonly write: Write;
}

const controls: Readonly<Record<string, string>> = {
  class: "the evidence for the next likely class in the same pictures",
  weights: "the same network with its last layer shuffled",
};

function lead({ images, accuracy, audit, unknownLabels, suspicions }: Audit): Content {
  const method = wordsOf(audit.method)?.title ?? audit.method;
  return html`<p><strong>${images.length === 1 ? "1 picture" : `${images.length} pictures`}${accuracy !== undefined && html`, ${percent(accuracy)} right`}.</strong>
${suspicions.length === 0 ? "No cluster of evidence is suspicious: none lies where the control's does not." : `${suspicions.length} ${suspicions.length === 1 ? "cluster of evidence is suspicious: it lies" : "clusters of evidence are suspicious: they lie"} where the control's evidence does not.`}</p>
<p>Every picture was explained by ${method} for the class the network named; the maps of each class were clustered, so that a class which is recognised by different
things falls apart. The control is ${controls[audit.control] ?? "another network, asked about the same class"}. ${smallMapColours}</p>
${unmasked(images)}
${unknownLabels.length > 0 && html`<p class="warn">These labels are no class of the network and count neither as right nor as wrong: ${unknownLabels.join(", ")}.</p>`}`;
}

/** Where the object is not known, how much less is compared. */
function unmasked(images: Audit["images"]): Content {
  const bare = images.filter(({ evidence }) => evidence.outside === undefined).length;
  if (bare === 0) return "";
  return html`<p>${bare === images.length ? "No mask says" : `Of ${bare} of the pictures no mask says`} where the object is. There only the rim of the picture could be compared with the control's, which is a much weaker hint.</p>`;
}

function suspicionList(suspicions: readonly Suspicion[], classes: readonly AuditedClass[], shown: Shown): Content {
  if (suspicions.length === 0) {
    return html`<p>Nothing stands out against the control. That is no proof: a cheat that no picture of this set gives away is not seen, nor one that lies on the object itself.</p>`;
  }
  return html`<ol>${suspicions.map(({ says, strength, index, cluster }) => {
    const found = classes.find((each) => each.index === index)?.clusters[cluster];
    return html`<li><p>${says} <span class="soft">Strength ${figures(strength)}.</span></p>${found && tilesOf(found, shown, shownOfCluster)}</li>`;
  })}</ol><p class="soft">A suspicion is a place to look, not a verdict: take the suspected thing out of pictures, or put it into others, and see what the network says then.</p>`;
}

function answers({ classes }: Audit, confusion: Audit["confusion"], { byId, find, write }: Shown): Content {
  const share = (value: number | undefined): string => (value === undefined ? "" : percent(value));
  return [
    table(
      "Per answer of the network",
      ["answer", "pictures", "of these right", "of its label found", "clusters", "outliers"],
      classes.map(({ label, size, precision, recall, clusters, outliers }) => [
        label,
        size,
        share(precision),
        share(recall),
        clusters.length,
        outliers.length,
      ]),
    ),
    confusion.length === 0
      ? html`<p>No labelled picture was answered wrongly.</p>`
      : confusion.slice(0, cellsShown).map(
          ({ label, predicted, count, examples }) => html`<h3>“${label}” called “${predicted}”: ${count}</h3>
<ul class="pictures small">${examples.slice(0, shownOfConfusion).map((id) => {
            const photo = find(id);
            const probability = byId.get(id)?.probability ?? 0;
            const caption = `${id}, ${percent(probability)}`;
            if (!photo) return html`<li>${caption}</li>`;
            return html`<li>${figure(
              write((side) => fitted(photo, Math.min(side, 192))),
              `Picture ${id}`,
              caption,
            )}</li>`;
          })}</ul>`,
        ),
  ];
}

function classBody({ label, size, clusters, outliers, sampled }: AuditedClass, shown: Shown): Content {
  const several = clusters.length > 1;
  return [
    html`<p>${size === 1 ? "One picture" : `${size} pictures${several ? `, in ${clusters.length} clusters of evidence` : ", all with evidence of one kind"}`}.${
      sampled !== undefined &&
      ` Clusters and outliers were sought among ${sampled} of them, drawn at random; the others joined the cluster whose mean map is nearest.`
    }</p>`,
    table(
      `Clusters of “${label}”: how much of the evidence lies outside the object and at the picture's rim, each beside the control's`,
      [
        ...["cluster", "pictures", "right", "outside the object", "its control", "at the rim", "its control"],
        ...(several ? ["distance to the others"] : []),
      ],
      clusters.map(({ size: count, accuracy, evidence, control, distance }, i) => [
        i + 1,
        count,
        accuracy === undefined ? "" : percent(accuracy),
        evidence.outside === undefined ? "" : percent(evidence.outside),
        control.outside === undefined ? "" : percent(control.outside),
        percent(evidence.rim),
        percent(control.rim),
        ...(several ? [distance === undefined ? "" : figures(distance)] : []),
      ]),
    ),
    clusters.map((cluster, i) => {
      const labels = Object.entries(cluster.labels).sort(([, a], [, b]) => b - a);
      return html`<h3>Cluster ${i + 1} of “${label}”${labels.length > 0 && html`: ${labels.map(([name, count]) => `${count} ${name}`).join(", ")}`}</h3>
${tilesOf(cluster, shown, shownOfCluster)}`;
    }),
    outliers.length > 0 &&
      html`<h3>Alone in “${label}”: evidence like no other picture's</h3><ul class="pictures small">${outliers
        .slice(0, outliersShown)
        .map((id) => html`<li>${tile(id, shown)}</li>`)}</ul>`,
  ];
}

const tilesOf = ({ images, meanMap }: EvidenceCluster, shown: Shown, count: number): Content =>
  html`<ul class="pictures small"><li>${figure(
    shown.write((side) =>
      fitted(heatmapImage(enlargedMap(meanMap, shown.audit.audit.grid, shown.audit.audit.input)), Math.min(side, 192)),
    ),
    "Mean map of the cluster",
    "Mean map",
  )}</li>${images.slice(0, count).map((id) => html`<li>${tile(id, shown)}</li>`)}</ul>`;

/** The picture with its small map over it; without the picture the map alone. */
function tile(id: string, { audit, byId, find, write }: Shown): Content {
  const image = entryOf(byId, id);
  const photo = find(id);
  const { grid, input } = audit.audit;
  const draw = (side: number): ImageLike => drawSmallMap(photo, image.map, grid, input, Math.min(side, 192));
  const wrong = image.labelIndex !== undefined && image.labelIndex !== image.predicted;
  return figure(
    write(draw),
    `Evidence in ${id}`,
    html`${id}${image.label !== undefined && wrong && html` <span class="warn">is ${String(image.label)}</span>`}`,
  );
}
