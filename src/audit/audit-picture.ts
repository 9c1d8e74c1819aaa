import { explain } from "../explain/explain";
import type { MethodName } from "../methods/table";
import type { LoadedModel } from "../model/loaded-model";
import type { Input, Prediction } from "../model/model";
import { type ObjectRegion, regionPixels } from "../trust/region";
import type { RawMap } from "../view/raw-map";
import { likelyEvidence } from "./likely-evidence";
import { namedClass } from "./named-class";
import { rounded } from "./rounded";
import { classIn } from "./shared-classes";
import { type PlacedRawMap, placedMap, smallMap } from "./small-map";
import { type AuditedImage, type AuditKey, type EvidencePlace, fieldRows } from "./types";

/** What every picture of an audit is asked. */
export interface Probe {
  readonly model: LoadedModel;
  readonly key: AuditKey;
  /** Another class of the same network, or the same class of another one. */
  readonly control: "class" | { readonly network: LoadedModel };
  readonly signal?: AbortSignal;
}

export interface AuditPicture {
  readonly id: string;
  readonly digest?: string;
  readonly input: Input;
  readonly label?: string | number;
  readonly region?: ObjectRegion;
}

/** @throws {InputError} if the method's values have no places in the picture */
export async function auditPicture(
  probe: Probe,
  { id, digest, input, label, region }: AuditPicture,
): Promise<AuditedImage> {
  const { key } = probe;
  const { named, map, control } = await look(probe, input);
  const inside = region === undefined ? undefined : regionPixels(region, map.placed);
  return {
    id,
    ...(digest !== undefined && { digest }),
    ...labelsOf(label, key),
    predicted: named.index,
    probability: rounded(named.probability),
    score: rounded(named.score),
    map: smallMap(map, key.grid),
    evidence: placeOf(map, inside),
    control: placeOf(control, inside),
  };
}

/** A picture that was looked at before, by the label that it has now. */
export function labelled(
  { id, digest, label: _, labelIndex: __, ...seen }: AuditedImage,
  label: string | number | undefined,
  key: AuditKey,
): AuditedImage {
  return { id, ...(digest !== undefined && { digest }), ...labelsOf(label, key), ...seen };
}

function labelsOf(label: string | number | undefined, key: AuditKey): Pick<AuditedImage, "label" | "labelIndex"> {
  const labelIndex = namedClass(label, key);
  return { ...(label !== undefined && { label }), ...(labelIndex !== undefined && { labelIndex }) };
}

interface Seen {
  readonly named: Prediction;
  readonly map: PlacedRawMap;
  readonly control: PlacedRawMap;
}

async function look({ model, key: { method, layer, seed }, control, signal }: Probe, input: Input): Promise<Seen> {
  const ask = {
    method: method as MethodName,
    seed,
    ...(layer !== undefined && { layer }),
    ...(signal && { signal }),
  };
  const { named, attributions } = await likelyEvidence(model, input, ask, control === "class" ? 2 : 1);
  const [own, next] = attributions;
  const other =
    control === "class"
      ? next
      : await explain(control.network, input, { ...ask, target: classIn(control.network, named) });
  return { named, map: placedMap(own), control: placedMap(other) };
}

/** The rim is this share of the picture's width and height on each side. */
const rimShare = 1 / 6;

function placeOf({ data, width, height }: RawMap, inside: Uint8Array | undefined): EvidencePlace {
  const [rimX, rimY] = [Math.round(width * rimShare), Math.round(height * rimShare)];
  let [all, rim, outside] = [0, 0, 0];
  const fields = new Float64Array(fieldRows * fieldRows);
  for (let i = 0; i < data.length; i++) {
    const value = Math.max(0, data[i]);
    if (value === 0) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    all += value;
    if (x < rimX || x >= width - rimX || y < rimY || y >= height - rimY) rim += value;
    if (!inside || inside[i]) continue;
    outside += value;
    fields[Math.floor((y * fieldRows) / height) * fieldRows + Math.floor((x * fieldRows) / width)] += value;
  }
  const share = (part: number): number => rounded(all > 0 ? part / all : 0);
  return { rim: share(rim), ...(inside && { outside: share(outside), fields: Array.from(fields, share) }) };
}
