/** A depthwise convolution, or its adjoint: one input and one output channel per group. */

import { held, uploadFloats } from "../weights";
import type { Side, SideParts } from "./side";
import { type AxisTaps, phaseSteps, spacing, tapAxes } from "./taps";

/** One call of the kernel: the first pixel it writes and the taps it sees. */
interface Phase {
  readonly row: number;
  readonly column: number;
  readonly rows: AxisTaps;
  readonly columns: AxisTaps;
}

export function depthwise({ geometry: g, direction, memory, weight, shared }: SideParts): Side {
  const { groups, kernelH, kernelW } = g;
  const axes = tapAxes(g, direction);
  const phases = axes.rows.flatMap((rows, row) =>
    axes.columns.map((columns, column): Phase => ({ row, column, rows, columns })),
  );
  const { steps, firstByte } = phaseSteps(g, direction);

  /** f32[rows][columns][channels] of the kernel elements one phase sees. */
  const pack = ({ rows, columns }: Phase): Float32Array => {
    const source = weight.floats();
    const elements = rows.kernelIndex.flatMap((ky) => columns.kernelIndex.map((kx) => ky * kernelW + kx));
    const packed = new Float32Array(elements.length * groups);
    elements.forEach((element, i) => {
      for (let c = 0; c < groups; c++) packed[i * groups + c] = source[c * kernelH * kernelW + element];
    });
    return packed;
  };
  const weights =
    shared ?? held(memory, () => phases.map((phase) => [uploadFloats(memory, pack(phase), "Depthwise weights")]));

  return {
    weights,
    weightBytes: groups * kernelH * kernelW * 4,
    scratchBytes: () => 0,
    *run(run, samples, from, bias, to, { lo, hi }) {
      for (const [i, { row, column, rows, columns }] of phases.entries()) {
        const geometry = run.record("DepthwiseGeometry", {
          ...{ samples, channels: groups, outH: rows.pixels, outW: columns.pixels },
          ...steps,
          kernelH: columns.offset.length === 0 ? 0 : rows.offset.length,
          kernelW: columns.offset.length,
          dilationH: spacing(rows),
          dilationW: spacing(columns),
          top: rows.offset[0] ?? 0,
          left: columns.offset[0] ?? 0,
          ...{ lo, hi },
        });
        yield ["depthwise", from, weights.get()[i][0], bias, to + firstByte(row, column), geometry];
      }
    },
  };
}
