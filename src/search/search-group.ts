import { messageOf } from "../checks";
import { InputError } from "../errors";
import { entryOf } from "../guard";
import type { Rectangle } from "../image/resize";
import { inputSize } from "../model/input-size";
import { tokenPlaces } from "../model/layer-maps";
import type { LoadedModel } from "../model/loaded-model";
import { seed as seedGradient } from "../model/score";
import { pictureRectangle } from "./crop";
import type { Loaded } from "./image-stream";
import type { Ranking } from "./ranking";
import type { SearchPlan } from "./search-plan";
import { randomKey } from "./shortlist";
import { scoreUnits } from "./unit-scores";

/** Scores loaded images and offers them to the ranking; returns how many failed. */
export async function searchGroup(
  model: LoadedModel,
  plan: SearchPlan,
  ranking: Ranking,
  group: readonly Loaded[],
  { onError = "throw", signal }: { readonly onError?: "throw" | "skip"; readonly signal?: AbortSignal },
): Promise<number> {
  const failures = group.flatMap((image) => ("error" in image ? [image] : []));
  const ready = group.flatMap((image) => ("error" in image ? [] : [image]));
  const fail = (id: string, error: unknown): void => {
    const message = messageOf(error);
    if (onError === "throw") throw new InputError(`Image "${id}": ${message}`, { cause: error });
    ranking.fail(id, message);
  };
  for (const { id, error } of failures) fail(id, error);
  if (ready.length === 0) return failures.length;
  const { fields, key } = plan;
  const maps = await mapsOf(model, plan, ready, signal);
  const size = model.sampleSize(fields.value);
  const input = inputSize(model);
  const { fit } = model.parts.preprocess;
  const placeOf = tokenPlaces(fields.maps, fields.axis.places);
  let failed = failures.length;
  ready.forEach(({ id, picture }, sample) => {
    const sampleKey = randomKey(id, key.seed);
    // Units that see the same place share its rectangle.
    const crops = new Map<string, Rectangle>();
    const cropOf = (field: Rectangle): Rectangle => {
      if (!picture) return field;
      const name = `${field.x} ${field.y} ${field.width} ${field.height}`;
      const crop = crops.get(name) ?? pictureRectangle(field, input, picture, fit);
      crops.set(name, crop);
      return crop;
    };
    try {
      const { score, pixel } = scoreUnits(
        maps.subarray(sample * size, (sample + 1) * size),
        fields.axis,
        key.units,
        key.score,
      );
      key.units.forEach((unit, i) => {
        ranking.offer(unit, id, score[i], sampleKey, () => {
          const position = [Math.floor(pixel[i] / fields.width), pixel[i] % fields.width] as const;
          const place = placeOf(fields.axis.places[pixel[i]]);
          return { position, ...(place && { place }), crop: cropOf(fields.at(unit, ...position)) };
        });
      });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      failed++;
      fail(id, error);
    }
  });
  return failed;
}

/** The layer's maps, or activation × gradient, of all images of a group. */
async function mapsOf(
  model: LoadedModel,
  { fields: { value }, target }: SearchPlan,
  images: readonly { readonly data: Float32Array }[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const length = images[0].data.length;
  const data = new Float32Array(images.length * length);
  images.forEach((image, sample) => {
    data.set(image.data, sample * length);
  });
  const backward = target && {
    seed: target.value,
    wanted: [value],
    write: (gradient: Float32Array, scores: Float32Array) => {
      const size = scores.length / images.length;
      for (let start = 0; start < scores.length; start += size)
        seedGradient(target.choose(scores.subarray(start, start + size)), gradient, scores, start);
    },
  };
  const pass = { batch: images.length, data, keep: [value], ...(backward && { backward }) };
  const { values, gradients } = await model.watchedPass(pass, signal);
  const activations = entryOf(values, value);
  const gradient = gradients.get(value);
  return gradient ? activations.map((activation, i) => activation * gradient[i]) : activations;
}
