import { leadsAround } from "../../engine/plan";
import { entryOf } from "../../guard";
import type { CamLayer, CamRun } from "./cam-run";

/**
 * The target's value of several samples, each with its own value of a layer. The passes begin at the layer, unless the network leads
 * around it.
 *
 * @param whole   the layer's value as the network computes it, in memory order
 * @param change  makes a sample's own value of a copy of it
 */
export async function layerPasses(
  { model, data, target, options }: CamRun,
  { value }: CamLayer,
  whole: Float32Array,
  batch: number,
  change: (sample: number, into: Float32Array) => void,
): Promise<Float32Array> {
  const keep = [target.value];
  const changeAll = (maps: Float32Array): void => {
    for (let sample = 0; sample < batch; sample++) {
      change(sample, maps.subarray(sample * whole.length, (sample + 1) * whole.length));
    }
  };
  const repeated = (sample: Float32Array): Float32Array => {
    const all = new Float32Array(batch * sample.length);
    for (let start = 0; start < all.length; start += sample.length) all.set(sample, start);
    return all;
  };
  if (leadsAround(model.networkFor([value, target.value]), keep, value)) {
    const pass = { batch, data: repeated(data), keep, edits: new Map([[value, changeAll]]) };
    const { values } = await model.watchedPass(pass, options.signal);
    return entryOf(values, target.value);
  }
  const maps = repeated(whole);
  changeAll(maps);
  const { values } = await model.watchedPass({ batch, data: maps, start: value, keep }, options.signal);
  return entryOf(values, target.value);
}
