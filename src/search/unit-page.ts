import { projectActivation } from "../attribution/project-activation";
import { projectionImage } from "../attribution/projection-image";
import { checkOptions, show } from "../checks";
import { guardedAsync } from "../guard";
import type { ImageLike, PictureData } from "../image/image";
import { loadedAlone } from "../model/loaded-model";
import type { Model } from "../model/model";
import type { Tensor } from "../tensor";
import { Canvas } from "../view/canvas";
import { contactGrid, type Tile } from "../view/contact-grid";
import { cutHit, type ImageSource, planSheet, type SheetOptions, showScore, visitImages } from "./tiles";
import type { Hit, TopActivations } from "./types";
import { unitSummary } from "./unit-summary";

/** One hit of a unit with its projection. */
export interface ProjectedHit {
  readonly unit: number;
  readonly hit: Hit;
  /** What the unit saw. */
  readonly crop: PictureData;
  /** The same part of the unit's projection to the input, contrast stretched. */
  readonly projection: PictureData;
  /** The whole projection in the network's input space, raw. */
  readonly values: Tensor;
}

export interface UnitPage {
  /** All hits: one row per unit, each crop above its projection. */
  readonly picture: PictureData;
  readonly hits: readonly ProjectedHit[];
}

/**
 * Figure 2 of Zeiler & Fergus, ECCV 2014, https://arxiv.org/abs/1311.2901, for any units of a search: what each unit saw in
 * its strongest images and, below, that one activation projected back to pixels through the deconvolutional network.
 *
 * A projection starts at the hit's position alone, so it lies inside the crop. Each is stretched to its own contrast: compare
 * patterns, not brightness.
 *
 * @param source  fetches an image of the search by its id; each is fetched once
 * @throws {InputError} if the result belongs to another model, or an image cannot be shown
 * @throws {TargetError} if the result has no such unit; {OptionError} if an option is out of range
 * @example
 * const result = await topActivations(model, images, { layer: "conv4", top: 9 });
 * const { picture } = await unitPage(model, result, async (id) => decodeImage(await readFile(id)), { unit: [3, 5] });
 */
export async function unitPage(
  given: Model,
  result: TopActivations,
  source: ImageSource,
  options: SheetOptions = {},
): Promise<UnitPage> {
  return guardedAsync("unitPage", async () => {
    checkOptions("unitPage", options, ["unit", "tile", "signal"]);
    const model = loadedAlone(given, "unitPage");
    const sheet = await planSheet(model, result, options);
    const { layer } = result.search;
    const rows = sheet.units.map((unit) => ({ unit, hits: unitSummary(result, unit).top }));
    const found = new Map<Hit, ProjectedHit>();
    const places = rows.flatMap((row) => row.hits.map((hit) => ({ row, hit })));
    await visitImages(places, { model, source, signal: options.signal }, async ({ row, hit }, picture, input) => {
      const { unit } = row;
      const { image: values } = await projectActivation(given, input, { layer, unit, position: hit.position });
      const [crop, projection] = cutHit(sheet, row, hit, picture, projectionImage(given, values));
      found.set(hit, { unit, hit, crop, projection, values });
    });
    const projected = rows.map(({ hits }) => hits.flatMap((hit) => found.get(hit) ?? []));
    const tile = ({ hit, crop, projection }: ProjectedHit): Tile => ({
      picture: above(crop, projection),
      caption: showScore(hit.score),
    });
    const picture = await contactGrid({
      title: `layer ${layer}: what each unit saw, and its projection`,
      headings: [`strongest of ${show(result.images)} images`],
      rows: rows.map(({ unit }, i) => ({ label: `unit ${unit}`, groups: [projected[i].map(tile)] })),
    });
    return { picture, hits: projected.flat() };
  });
}

function above(upper: ImageLike, lower: ImageLike): ImageLike {
  const gap = 2;
  const both = new Canvas(upper.width, upper.height + gap + lower.height);
  both.draw(upper, 0, 0);
  both.draw(lower, 0, upper.height + gap);
  return both;
}
