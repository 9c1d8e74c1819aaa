import { phaseTaps } from "../operation/correlation/taps";
import type { Operation } from "../operation/operation";
import { correlationGeometry } from "../operators/convolution";
import type { LoadedModel } from "./loaded-model";

/** Layers a finding names before it only counts the rest. */
const namesShown = 4;

/** A layer whose pixels on the finer side are sums of different numbers of kernel elements. */
interface Uneven {
  readonly transposed: boolean;
  /** `"up1" (kernel 3×3, stride 2×2)` */
  readonly shown: string;
  /** Fewest and most kernel elements that reach a pixel. */
  readonly fewest: number;
  readonly most: number;
}

/**
 * Checkerboards to expect: where a kernel is no multiple of its stride, windows overlap unevenly, and a transposed
 * convolution (or the gradient of a strided one) writes neighbouring pixels with different numbers of kernel elements.
 *
 * Odena, Dumoulin & Olah 2016, https://distill.pub/2016/deconv-checkerboard/. What counts is the number of kernel elements
 * per sub-pixel phase; with dilation it can be uneven for a multiple of the stride as well.
 */
export function checkerboardFindings(model: LoadedModel): string[] {
  const uneven = model.full.operations.flatMap((operation) => unevenOverlap(model, operation) ?? []);
  const findings: string[] = [];
  for (const transposed of [true, false]) {
    const layers = uneven.filter((layer) => layer.transposed === transposed);
    if (layers.length === 0) continue;
    const named = layers.slice(0, namesShown).map(({ shown }) => shown);
    const rest = layers.length > namesShown ? ` and ${layers.length - namesShown} more` : "";
    const [fewest, most] = [
      Math.min(...layers.map((layer) => layer.fewest)),
      Math.max(...layers.map((layer) => layer.most)),
    ];
    const counts = `${fewest} to ${most} kernel elements reach a pixel`;
    findings.push(
      transposed
        ? `Checkerboard: in the transposed convolution ${named.join(", ")}${rest} windows overlap unevenly (${counts}), so outputs tend ` +
            "to show a grid. A kernel that is a multiple of the stride, or resizing before a plain convolution, avoids it (Odena et al. 2016)."
        : `Checkerboard: the gradient of the strided convolution ${named.join(", ")}${rest} is uneven (${counts}), so saliency and other ` +
            "gradients at the input can show a grid that comes from the strides, not from the image (Odena et al. 2016). " +
            "The option smooth of heatmap averages it out; maps at a layer behind these are free of it.",
    );
  }
  return findings;
}

function unevenOverlap(model: LoadedModel, { node, inputs, outputs }: Operation): Uneven | undefined {
  if (node.op !== "Conv" && node.op !== "ConvTranspose") return undefined;
  const weight = model.full.graph.constants.get(node.inputs[1]);
  if (!weight) return undefined;
  const kernel = weight.shape.slice(2);
  if (kernel.length > 2) return undefined;
  const g = correlationGeometry(node, model.shape(inputs[0]), model.shape(outputs[0]), kernel);
  const counts = (stride: number, dilation: number, pad: number, extent: number): number[] =>
    phaseTaps(stride, dilation, pad, extent, stride).map(({ offset }) => offset.length);
  const rows = counts(g.strideH, g.dilationH, g.padTop, g.kernelH);
  const columns = counts(g.strideW, g.dilationW, g.padLeft, g.kernelW);
  const [fewest, most] = [Math.min(...rows) * Math.min(...columns), Math.max(...rows) * Math.max(...columns)];
  if (fewest === most) return undefined;
  const stride = [g.strideH, g.strideW].slice(-kernel.length);
  return {
    transposed: node.op === "ConvTranspose",
    shown: `"${node.name}" (kernel ${kernel.join("×")}, stride ${stride.join("×")})`,
    fewest,
    most,
  };
}
