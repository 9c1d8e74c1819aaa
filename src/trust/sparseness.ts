import { isFloat32Array } from "../bytes";
import { kindOf } from "../checks";
import { InputError, OptionError } from "../errors";
import { guarded } from "../guard";
import { checkMap, isAttribution, type JudgedMap } from "./judged-map";

/**
 * Sparseness: the Gini index of the magnitudes. 0 if all values are equally large, 1 − 1/d if one of d values has everything.
 *
 *   G = 1 − 2 Σ_k |v|₍ₖ₎/‖v‖₁ · (d − k + ½)/d    |v|₍₁₎ ≤ … ≤ |v|₍d₎
 *
 * Chalasani et al. 2018, https://arxiv.org/abs/1810.06583, definition 2 (Hurley & Rickard 2009). It says how concentrated an
 * explanation is, not whether it is right. Compare maps of one size: coarse maps and pixels are different questions.
 *
 * @param map  an attribution (its raw values count) or a heatmap
 * @returns 0 to 1; 0 too where every value is zero
 * @throws {InputError} if a value is not finite
 * @example
 * const gini = sparseness(await integratedGradients(model, image));
 */
export function sparseness(map: JudgedMap): number {
  return guarded("sparseness", () => {
    checkMap(map);
    const values = isAttribution(map) ? map.values?.data : map.data;
    if (!isFloat32Array(values))
      throw new OptionError(`sparseness: the map's values must be a Float32Array, got ${kindOf(values)}.`);
    const magnitudes = values.map(Math.abs).sort();
    const d = magnitudes.length;
    let [sum, weighed] = [0, 0];
    magnitudes.forEach((magnitude, i) => {
      sum += magnitude;
      weighed += magnitude * ((d - i - 0.5) / d);
    });
    if (!Number.isFinite(sum)) throw new InputError("sparseness: the map has values that are not finite.");
    return sum === 0 ? 0 : 1 - (2 * weighed) / sum;
  });
}
