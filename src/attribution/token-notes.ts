import type { LayerMaps } from "../model/layer-maps";
import { type Note, note } from "../notes";

/** Which grid the tokens of some layers are, and which of them stand at none of its places; of other layers nothing. */
export function tokenNotes(layers: readonly { readonly layer: string; readonly maps: LayerMaps }[]): Note[] {
  const found = layers.flatMap(({ layer, maps: { tokens, extents } }) =>
    tokens ? [{ layer, extents, ...tokens }] : [],
  );
  if (found.length === 0) return [];
  const each = found.map(({ layer, extents, inFront, behind }) => {
    const grid = extents.length === 2 && extents[0] === 1 ? `${extents[1]} in a row` : `a grid of ${extents.join("×")}`;
    const others = [inFront > 0 ? [`${inFront} in front`] : [], behind > 0 ? [`${behind} behind`] : []].flat();
    return `layer "${layer}" are ${[grid, ...others].join(", and ")}`;
  });
  const [others, assumed] = [
    found.some(({ inFront, behind }) => inFront + behind > 0),
    found.some((each) => each.assumed),
  ].map((flag) => (flag ? "yes" : "no"));
  return [note("token-grid", each.join("; those of "), others, assumed)];
}
