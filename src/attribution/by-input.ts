/** What an attribution says of each of a network's inputs. */
import { placementOf } from "../image/placement";
import { inputSize } from "../model/input-size";
import { inputsSeen } from "../model/inputs-seen";
import type { LoadedModel } from "../model/loaded-model";
import type { Input } from "../model/model";
import { isTensor, pictureInput, separateInputs } from "../model/network-inputs";
import type { Tensor } from "../tensor";
import type { Attribution } from "./attribution";

/** The parts of an attribution that say which input its values belong to. */
type Shown = Pick<Attribution, "values" | "inputSize" | "placement" | "inputSizes" | "placements"> & {
  readonly byInput?: Attribution["byInput"];
};

/** What a method has found: values of all inputs joined, of a layer, or of each input. */
export interface SharesByInput {
  readonly values: Tensor;
  readonly inputSize?: Attribution["inputSize"];
  readonly byInput?: Attribution["byInput"];
  readonly layer?: string;
  readonly layers?: readonly string[];
}

export function shownShares(model: LoadedModel, input: Input, shares: SharesByInput): Shown {
  const { inputs } = model.parts;
  if (inputs.length > 1) return sharesOfSeveral(model, input, shares);
  const [given] = separateInputs(inputs, input);
  const size = shares.inputSize ?? inputSize(model);
  return {
    values: shares.values,
    inputSize: size,
    ...(!isTensor(given) && { placement: placementOf(given, size, model.parts.preprocess.fit) }),
  };
}

function sharesOfSeveral(model: LoadedModel, input: Input, shares: SharesByInput): Shown {
  const { inputs } = model.parts;
  const given = separateInputs(inputs, input);
  const byInput = shares.byInput ?? separated(model, shares);
  const shown = inputs.filter(({ name }) => Object.hasOwn(byInput, name));
  const inputSizes = Object.fromEntries(shown.map(({ name }) => [name, inputSize(model, name)]));
  const placements = Object.fromEntries(
    shown.flatMap(({ name, preprocess }) => {
      const picture = given[inputs.findIndex((each) => each.name === name)];
      return isTensor(picture) ? [] : [[name, placementOf(picture, inputSizes[name], preprocess.fit)]];
    }),
  );
  const first = pictureInput(shown, undefined).name;
  return {
    values: byInput[shown[0].name],
    byInput,
    inputSize: inputSizes[first],
    inputSizes,
    ...(Object.hasOwn(placements, first) && { placement: placements[first] }),
    placements,
  };
}

/** Values of all inputs cut apart; a layer's map belongs to the inputs that the layer sees. */
function separated(model: LoadedModel, { values, layer, layers }: SharesByInput): Attribution["byInput"] {
  const { inputs } = model.parts;
  const name = layer ?? layers?.[0];
  if (name !== undefined)
    return Object.fromEntries(inputsSeen(model, model.valueOf(name)).map((each) => [each.name, values]));
  return Object.fromEntries(
    inputs.map((each) => [each.name, model.tensor(each.name, values.data.slice(each.start, each.start + each.size))]),
  );
}
