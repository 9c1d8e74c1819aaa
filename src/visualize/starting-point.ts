import { OptionError, ShapeError } from "../errors";
import type { LoadedModel } from "../model/loaded-model";
import type { Random } from "../random/random";
import { showShape, Tensor } from "../tensor";
import type { AscentSettings } from "./options";
import type { Parameterization } from "./parameterization";

/**
 * The parameters at which an ascent begins, one sample after the other. Several images get noise of their own: alike they
 * would stay alike.
 */
export function startingPoint(
  model: LoadedModel,
  parameterization: Parameterization,
  { start, diversity }: AscentSettings,
  random: Random,
): Float32Array {
  const size = model.sampleSize(model.fast.input);
  const images = diversity?.images ?? 1;
  const one = typeof start === "string" ? named(start, size) : parameterization.fromInput(startInput(model, start));
  const noise = start === "noise" || images > 1 ? parameterization.noise : 0;
  return Float32Array.from({ length: images * size }, (_, i) => one[i % size] + (noise && noise * random.normal()));
}

function named(start: string, size: number): Float32Array {
  if (start === "zero" || start === "noise") return new Float32Array(size);
  throw new OptionError(`start "${start}" is none of zero, noise; or give an image or a Tensor of the input's shape.`);
}

function startInput(model: LoadedModel, start: Exclude<AscentSettings["start"], string>): Float32Array {
  if (start instanceof Tensor && showShape(start.shape) !== showShape(model.input.shape)) {
    throw new ShapeError(
      `start must be 'zero', 'noise', an image or a Tensor of the input's shape ${showShape(model.input.shape)}, got ${showShape(start.shape)}.`,
    );
  }
  return model.prepare(start);
}
