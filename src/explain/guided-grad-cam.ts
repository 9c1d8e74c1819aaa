import type { Attribution, ExplainOptions } from "../attribution/attribution";
import { finishAttribution } from "../attribution/finish";
import { type Explains, perTarget } from "../attribution/several-targets";
import { ShapeError } from "../errors";
import { guidedGradCamFacts } from "../methods/guided-grad-cam";
import { settledOptions } from "../methods/settled-options";
import { placesOfShape } from "../model/input-size";
import { hasPlaces } from "../model/inputs-seen";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import { joinNotes, type NoteCode } from "../notes";
import { showShape, type Tensor } from "../tensor";
import { resizePlaces, type SlicePlaces } from "../view/volume-slices";
import { gradCam } from "./grad-cam";
import { guidedBackprop } from "./guided-backprop";

export interface GuidedGradCamOptions extends ExplainOptions {
  /** The layer of the Grad-CAM; default: the last one whose maps have the picture's rows and columns (`inspect` ranks them). */
  readonly layer?: string;
  /** How the layer's map is enlarged to the input; default 'nearest', as in Captum. */
  readonly interpolation?: "nearest" | "bilinear";
}

/**
 * Guided Grad-CAM: guided backpropagation where Grad-CAM sees the class; the detail of the one at the places of the other.
 *
 *   attribution = guidedBackprop(x) ⊙ U(max(gradCam(A), 0))
 *
 * with U enlarging the layer's map to the input's size. Selvaraju et al. 2016, https://arxiv.org/abs/1610.02391, section 3.2.
 * Matches Captum's `GuidedGradCam` ('nearest' and 'bilinear' are those of PyTorch's `interpolate`, corners not aligned).
 * `layer` is where Grad-CAM looks; the values always belong to the input, of several to those that the layer sees.
 *
 * @function
 * @returns attribution, same shape as the input, signed, unnormalised
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `interpolation` is unknown; {ShapeError} if the input has no places, like a generator's latent
 * @example
 * const { values } = await guidedGradCam(model, image, { target: "cat", layer: "relu5", interpolation: "bilinear" });
 */
export const guidedGradCam: Explains<GuidedGradCamOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, theirs: Input, unsettled: GuidedGradCamOptions): Promise<Attribution> {
  const { layer, interpolation, ...options } = settledOptions(guidedGradCamFacts, unsettled);
  const model = loaded(given);
  const { inputs } = model.parts;
  if (!inputs.some(hasPlaces)) {
    throw new ShapeError(
      `Guided Grad-CAM looks at places of the input, and "${model.input.name}" (${showShape(model.input.shape)}) has none. guidedBackprop works without.`,
    );
  }
  const { target, signal } = options;
  const input = ownInput(theirs);
  const map = await gradCam(model, input, { target, signal, layer, relu: true });
  const guided = await guidedBackprop(model, input, { target, signal });
  const enlarge = interpolation === "nearest" ? nearest : bilinear;
  const byInput = Object.fromEntries(
    inputs.flatMap(({ name, shape }) => {
      const seen = map.byInput[name];
      if (!seen) return [];
      const enlarged = enlarge(seen, placesOfShape(shape));
      const places = model.fromTensor(name, guided.byInput[name]);
      const channels = places.length / enlarged.length;
      const values = places.map((value, i) => value * enlarged[Math.floor(i / channels)]);
      return [[name, model.tensor(name, values)]];
    }),
  );
  return finishAttribution(model, input, {
    method: "guided-grad-cam",
    target: guided.target,
    values: Object.values(byInput)[0],
    ...(inputs.length > 1 && { byInput }),
    layer: map.layer,
    ...(map.layerByInput && { layerByInput: map.layerByInput }),
    // A product of two units; both maps have said what there is to say about their size.
    effect: Number.POSITIVE_INFINITY,
    // Where the evidence of a box lies is another thing of each map.
    notes: joinNotes(guided.notes, map.notes).filter(({ code }) => !ofOneMap.has(code)),
    options: { ...options, ...(!map.layerByInput && { layer: map.layer }), interpolation },
  });
}

const ofOneMap: ReadonlySet<NoteCode> = new Set(["box-evidence", "evidence-beside-box"]);

function nearest({ data, shape }: Tensor, to: SlicePlaces): Float32Array {
  const [d, h, w] = [shape.length === 5 ? shape[1] : 1, ...shape.slice(-3, -1)];
  return Float32Array.from({ length: to.depth * to.height * to.width }, (_, i) => {
    const [z, y, x] = [Math.floor(i / (to.height * to.width)), Math.floor(i / to.width) % to.height, i % to.width];
    const [slice, row] = [Math.floor((z * d) / to.depth), Math.floor((y * h) / to.height)];
    return data[(slice * h + row) * w + Math.floor((x * w) / to.width)];
  });
}

function bilinear({ data, shape }: Tensor, to: SlicePlaces): Float32Array {
  const [height, width] = shape.slice(-3, -1);
  return resizePlaces(data, { depth: shape.length === 5 ? shape[1] : 1, height, width }, to);
}
