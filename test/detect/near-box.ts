import { type Attribution, type Detection, energyPointingGame } from "../../src/index";

/** The share of what speaks for a box within twice the box, of the same middle. */
export function nearBox(evidence: Attribution, { box: { x, y, width, height } }: Pick<Detection, "box">): number {
  const twice = { x: x - width / 2, y: y - height / 2, width: 2 * width, height: 2 * height };
  return energyPointingGame(evidence, twice).energy;
}
