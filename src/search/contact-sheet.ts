import { checkOptions } from "../checks";
import { entryOf, guardedAsync } from "../guard";
import type { ImageLike, PictureData } from "../image/image";
import { loadedAlone } from "../model/loaded-model";
import type { Model } from "../model/model";
import { contactGrid, type Tile } from "../view/contact-grid";
import { cutHit, type ImageSource, planSheet, type SheetOptions, showScore, visitImages } from "./tiles";
import type { Hit, TopActivations } from "./types";
import { type SummaryOptions, unitSummary } from "./unit-summary";

/**
 * A contact sheet of a search: one row per unit with what it saw in its strongest images, in images from the middle of the
 * ranking and in random ones. Below each crop stands its score.
 *
 * Crops are the exact receptive field of the unit's maximum, all of a row at one scale, seen as the network sees them; those
 * at the border are smaller.
 *
 * @param source  fetches an image of the search by its id; each is fetched once
 * @returns an RGBA picture
 * @throws {InputError} if the result belongs to another model, or an image cannot be shown
 * @throws {TargetError} if the result has no such unit; {OptionError} if an option is out of range
 * @example
 * const sheet = await contactSheet(model, result, async (id) => decodeImage(await readFile(id)), { unit: [0, 1, 2] });
 * await writeFile("units.png", await encodePng(sheet));
 */
export async function contactSheet(
  given: Model,
  result: TopActivations,
  source: ImageSource,
  options: SheetOptions & SummaryOptions = {},
): Promise<PictureData> {
  return guardedAsync("contactSheet", async () => {
    checkOptions("contactSheet", options, ["unit", "tile", "quantiles", "random", "signal"]);
    const model = loadedAlone(given, "contactSheet");
    const sheet = await planSheet(model, result, options);
    const { quantiles, random: strays } = options;
    const rows = sheet.units.map((unit) => {
      const { top, middle, random } = unitSummary(result, unit, { quantiles, random: strays });
      const groups = [
        top.map((hit) => ({ hit, caption: showScore(hit.score) })),
        middle.map(({ quantile, hit }) => ({
          hit,
          caption: `${Math.round(quantile * 100)}%: ${showScore(hit.score)}`,
        })),
        random.map((hit) => ({ hit, caption: showScore(hit.score) })),
      ];
      return { unit, groups, hits: groups.flat().map(({ hit }) => hit) };
    });
    const pictures = new Map<Hit, ImageLike>();
    const places = rows.flatMap((row) => row.hits.map((hit) => ({ row, hit })));
    await visitImages(places, { model, source, signal: options.signal }, ({ row, hit }, picture) => {
      pictures.set(hit, cutHit(sheet, row, hit, picture)[0]);
    });
    const tileOf = ({ hit, caption }: { readonly hit: Hit; readonly caption: string }): Tile => ({
      picture: entryOf(pictures, hit),
      caption,
    });
    const { layer, by, score } = result.search;
    return contactGrid({
      title: `layer ${layer}, ${result.images} images by ${score} ${by}`,
      headings: ["strongest", "stronger than n% of all", "drawn at random"],
      rows: rows.map(({ unit, groups }) => ({
        label: `unit ${unit}`,
        groups: groups.map((group) => group.map(tileOf)),
      })),
    });
  });
}
