/** A depthwise convolution, or its adjoint: one input and one output channel per group. */
import type { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { CorrelationGeometry, Side } from "./correlation";
import type { Clamp, Run } from "./operation";
import { type AxisTaps, axesOf, type Direction, spacing } from "./taps";
import { uploadFloats } from "./weights";

const floatBytes = 4;

/** One call of the kernel: the first pixel it writes and the taps it sees. */
interface Phase {
  readonly row: number;
  readonly column: number;
  readonly rows: AxisTaps;
  readonly columns: AxisTaps;
}

export class Depthwise implements Side {
  readonly #geometry: CorrelationGeometry;
  readonly #direction: Direction;
  readonly #kernels: Kernels;
  readonly #memory: KernelMemory;
  readonly #weight: Constant;
  readonly #phases: readonly Phase[];
  #placed: readonly Pointer[] | undefined;

  constructor(
    geometry: CorrelationGeometry,
    direction: Direction,
    kernels: Kernels,
    memory: KernelMemory,
    weight: Constant,
  ) {
    this.#geometry = geometry;
    this.#direction = direction;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#weight = weight;
    const axes = axesOf(geometry, direction);
    this.#phases = axes.rows.flatMap((rows, row) =>
      axes.columns.map((columns, column) => ({ row, column, rows, columns })),
    );
  }

  get weightBytes(): number {
    const { groups, kernelH, kernelW } = this.#geometry;
    return groups * kernelH * kernelW * floatBytes;
  }

  scratchBytes(): number {
    return 0;
  }

  prepare(): void {
    this.#placed ??= this.#phases.map((phase) => this.#pack(phase));
  }

  release(): void {
    for (const weight of this.#placed ?? []) this.#memory.free(weight);
    this.#placed = undefined;
  }

  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void {
    const g = this.#geometry;
    const apply = this.#direction === "apply";
    const [inH, inW, outH, outW] = apply ? [g.inH, g.inW, g.outH, g.outW] : [g.outH, g.outW, g.inH, g.inW];
    const [readH, readW, writeH, writeW] = apply ? [g.strideH, g.strideW, 1, 1] : [1, 1, g.strideH, g.strideW];
    this.#phases.forEach(({ row, column, rows, columns }, i) => {
      const geometry = run.record("DepthwiseGeometry", {
        samples,
        channels: g.groups,
        inH,
        inW,
        outH: rows.pixels,
        outW: columns.pixels,
        ySample: outH * outW * g.groups,
        yRow: writeH * outW * g.groups,
        yPixel: writeW * g.groups,
        kernelH: columns.offset.length === 0 ? 0 : rows.offset.length,
        kernelW: columns.offset.length,
        strideH: readH,
        strideW: readW,
        dilationH: spacing(rows),
        dilationW: spacing(columns),
        top: rows.offset[0] ?? 0,
        left: columns.offset[0] ?? 0,
        lo: clamp.lo,
        hi: clamp.hi,
      });
      const first = to + (row * outW + column) * g.groups * floatBytes;
      this.#kernels.depthwise(from, (this.#placed as readonly Pointer[])[i], bias, first, geometry);
    });
  }

  /** f32[rows][columns][channels] of the kernel elements one phase sees. */
  #pack({ rows, columns }: Phase): Pointer {
    const { groups, kernelH, kernelW } = this.#geometry;
    const source = this.#weight.floats();
    const elements = rows.kernelIndex.flatMap((ky) => columns.kernelIndex.map((kx) => ky * kernelW + kx));
    const packed = new Float32Array(elements.length * groups);
    elements.forEach((element, i) => {
      for (let c = 0; c < groups; c++) packed[i * groups + c] = source[c * kernelH * kernelW + element];
    });
    return uploadFloats(this.#memory, packed, "Depthwise weights");
  }
}
