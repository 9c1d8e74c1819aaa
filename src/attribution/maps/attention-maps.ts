import { checkBag, checkOptions, show, throwIfAborted } from "../../checks";
import { LayerError, OptionError } from "../../errors";
import { entryOf, guardedAsync } from "../../guard";
import {
  type AttendedTokens,
  type AttentionLayer,
  attendedTokens,
  attentionLayers,
} from "../../model/attention-layers";
import { inputsSeen } from "../../model/inputs-seen";
import { type LoadedModel, loaded } from "../../model/loaded-model";
import type { Input, Model } from "../../model/model";
import { suggest } from "../../nearest";
import { note } from "../../notes";
import { toRowMajor } from "../../operation/layout";
import { Tensor } from "../../tensor";
import type { Attribution } from "../attribution";
import { finishAttribution } from "../finish";
import { tokenNotes } from "../token-notes";

export interface AttentionMapsOptions {
  /** One attention layer, as `inspect(model).attention` names it; default: all of them whose tokens are places of the picture. */
  readonly layer?: string;
  /** One head or several, from 0, or 'mean' over all; default: each head. */
  readonly head?: number | readonly number[] | "mean";
  /**
   * Who attends: the class token (the first in front of the places), a place of the grid, or the mean over everybody. Default: the
   * class token where there is one, else the mean.
   */
  readonly from?: "class" | "mean" | readonly [y: number, x: number];
  /** Gives the pass up, between two parts of a layer. */
  readonly signal?: AbortSignal;
}

/** What one head attends to: an attribution for `heatmap`, `overlay` and `toDataURL`, whose target only says what the network answered. */
export interface AttentionMap extends Attribution {
  /** The softmax. */
  readonly layer: string;
  readonly head: number | "mean";
}

/**
 * The attention of single heads, as pictures: what share of its attention whoever attends gives to each place.
 *
 *   map(place) = A_head[from, place]     of windows: the mean over those who attend inside of the place's window
 *
 * It is what the network computes, and no attribution: a place that is attended to need not matter for the answer, and no target is asked
 * for. `attentionRelevance` asks for one.
 *
 * @returns a map `[1, h, w, 1]` for each layer and head, in the order in which they run; shares of 1, the rest is what tokens beside the grid get
 * @throws {LayerError} if the network has no attention to places of the picture, or not at `layer`
 * @throws {OptionError} if there is no such head, or `from` names no class token or place of the layer
 * @example
 * const maps = await attentionMaps(model, image, { head: "mean" });
 * for (const { layer, head, values } of maps) console.log(layer, head, values.shape);
 */
export async function attentionMaps(
  given: Model,
  input: Input,
  options: AttentionMapsOptions = {},
): Promise<AttentionMap[]> {
  return guardedAsync("attentionMaps", async () => {
    checkBag("attentionMaps", options, []);
    checkOptions("attentionMaps", options, ["layer", "head", "from", "signal"]);
    throwIfAborted(options.signal);
    const model = loaded(given);
    const layers = layersOf(model, options.layer);
    const chosen = layers.map((each) => ({
      ...each,
      heads: headsOf(options.head, each),
      rows: rowsOf(options.from, each),
    }));
    const keep = layers.map(({ attention }) => attention.value);
    const pass = await model.watchedPass({ data: model.prepare(input), keep }, options.signal);
    const made: AttentionMap[] = [];
    for (const { attention, tokens, heads, rows } of chosen) {
      const { layer, value } = attention;
      const shares = toRowMajor(entryOf(pass.values, value), model.shape(value));
      const several = model.parts.inputs.length > 1 && inputsSeen(model, value);
      for (const head of heads) {
        const { extents } = tokens.maps;
        const values = new Tensor(mapOf(shares, attention, tokens, head, rows), [
          1,
          ...(extents.length > 2 ? extents : [tokens.maps.height, tokens.maps.width]),
          1,
        ]);
        const found = await finishAttribution(model, input, {
          method: "attention-map",
          target: { index: -1, label: `head ${head}`, score: 1 },
          values,
          ...(several && { byInput: Object.fromEntries(several.map(({ name }) => [name, values])) }),
          layer,
          effect: Number.POSITIVE_INFINITY,
          notes: [...tokenNotes([{ layer, maps: tokens.maps }]), note("attention-only")],
          options: { layer, head, ...(options.from && { from: options.from }) },
        });
        made.push(Object.assign(found, { layer, head }));
      }
    }
    return made;
  });
}

interface Chosen {
  readonly attention: AttentionLayer;
  readonly tokens: AttendedTokens;
}

function layersOf(model: LoadedModel, asked: string | undefined): readonly Chosen[] {
  const all = attentionLayers(model);
  if (all.length === 0) {
    throw new LayerError(
      `"${model.name}" has no attention: no softmax weighs another value. gradCam or lrp need none.`,
    );
  }
  const value = asked === undefined ? undefined : model.valueOf(asked);
  const named = value === undefined ? all : all.filter((each) => each.value === value);
  if (named.length === 0) {
    const names = all.map(({ layer }) => layer);
    throw new LayerError(
      `Layer "${asked}" is no attention of "${model.name}".${suggest(asked as string, names)} Attention: ${names.join(", ")}.`,
    );
  }
  const found = named.flatMap((attention): Chosen[] => {
    const tokens = attendedTokens(model, attention);
    return tokens ? [{ attention, tokens }] : [];
  });
  if (found.length > 0) return found;
  throw new LayerError(
    `What ${asked === undefined ? `the attention of "${model.name}"` : `attention "${asked}"`} is given to are no places of the picture, as far as those ` +
      "can be followed, so there is no map of it. lrp passes it.",
  );
}

function headsOf(asked: AttentionMapsOptions["head"], { attention: { heads, layer } }: Chosen): (number | "mean")[] {
  if (asked === "mean") return ["mean"];
  if (asked === undefined) return Array.from({ length: heads }, (_, head) => head);
  const list = Array.isArray(asked) ? asked : [asked];
  const wrong = list.find((head) => !Number.isInteger(head) || head < 0 || head >= heads);
  if (list.length === 0 || wrong !== undefined) {
    throw new OptionError(
      `head: attention "${layer}" has heads 0 to ${heads - 1}, or take 'mean'; got ${list.length === 0 ? "an empty list" : show(wrong)}.`,
    );
  }
  return list;
}

/** The tokens that attend, as window and row; undefined: everybody. */
function rowsOf(
  from: AttentionMapsOptions["from"],
  { attention: { layer }, tokens }: Chosen,
): { readonly window: number; readonly row: number } | undefined {
  const { asking, maps } = tokens;
  const hasClass = asking !== undefined && asking.inFront > 0;
  if (from === "mean" || (from === undefined && !hasClass)) return undefined;
  if (from === "class" || from === undefined) {
    if (hasClass) return { window: 0, row: 0 };
    throw new OptionError(`from: 'class': attention "${layer}" has no class token. Take 'mean', or a place [y, x].`);
  }
  const place = Array.isArray(from) ? from[0] * maps.width + from[1] : -1;
  const inside =
    Array.isArray(from) &&
    from.length === 2 &&
    from.every(Number.isInteger) &&
    from[0] >= 0 &&
    from[1] >= 0 &&
    from[1] < maps.width;
  const found = inside ? asking?.places[place] : undefined;
  if (found) return { window: found.window, row: found.token };
  throw new OptionError(
    `from: attention "${layer}" has places [0, 0] to [${maps.height - 1}, ${maps.width - 1}]; take one, 'class' or 'mean', got ${show(from)}.`,
  );
}

function mapOf(
  shares: Float32Array,
  { heads, queries, keys }: AttentionLayer,
  { places }: AttendedTokens,
  head: number | "mean",
  from: { readonly window: number; readonly row: number } | undefined,
): Float32Array {
  const chosen = head === "mean" ? Array.from({ length: heads }, (_, each) => each) : [head];
  const rows = from ? [from.row] : Array.from({ length: queries }, (_, row) => row);
  return Float32Array.from(places, ({ window, token }) => {
    // A window does not look into another.
    if (from && from.window !== window) return 0;
    let sum = 0;
    for (const each of chosen) {
      for (const row of rows) sum += shares[((window * heads + each) * queries + row) * keys + token];
    }
    return sum / (chosen.length * rows.length);
  });
}
