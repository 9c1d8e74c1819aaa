/**
 * The linear map of a convolution layer and its exact adjoint.
 *
 *   apply:    y[oy, ox, n] = Σ_{ky, kx, c} w[n, c, ky, kx] · x[oy·s + ky·d − p, ox·s + kx·d − p, c]
 *   adjoint:  x[iy, ix, c] = Σ_{n, ky, kx} w[n, c, ky, kx] · y[oy, ox, n]   over all oy·s + ky·d − p = iy (likewise x)
 *
 * Conv applies it and sends gradients back through the adjoint; ConvTranspose does it the other way round.
 * The adjoint runs as s_h·s_w sub-pixel phases: the pixels of x that share a remainder modulo the stride see the same
 * taps, so each phase is a stride-1 convolution of y that writes every s-th pixel (no zero is ever inserted or multiplied).
 */
import type { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import {
  type AdjointAlgorithm,
  type AlgorithmMode,
  adjointAlgorithm,
  type ForwardAlgorithm,
  forwardAlgorithm,
  isDepthwise,
} from "./algorithm";
import { ColumnAdjoint } from "./column-adjoint";
import type { Clamp, Run } from "./operation";
import { type AxisTaps, phaseTaps, plainTaps, reach, spacing } from "./taps";
import { packPanels, panelCount, placeBias, uploadFloats } from "./weights";
import { Winograd } from "./winograd";

/** A convolution from x [inH, inW, inChannels] to y [outH, outW, outChannels]; weight [outChannels, inChannels/groups, kernelH, kernelW]. */
export interface CorrelationGeometry {
  readonly inH: number;
  readonly inW: number;
  readonly inChannels: number;
  readonly outH: number;
  readonly outW: number;
  readonly outChannels: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly groups: number;
}

interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** One call of the taps kernel: its packed weights and where its outputs lie. */
interface Phase {
  readonly weight: Pointer;
  readonly tapTable: Pointer;
  readonly taps: number;
  readonly segment: number;
  readonly rows: AxisTaps;
  readonly columns: AxisTaps;
  readonly outOffset: number;
}

const floatBytes = 4;

/** One direction of the map, as an operation uses it. */
export interface Side {
  readonly weightBytes: number;
  scratchBytes(samples: number): number;
  prepare(): void;
  release(): void;
  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void;
}

export class Correlation {
  readonly geometry: CorrelationGeometry;
  readonly #forward: ForwardAlgorithm;
  readonly #backward: AdjointAlgorithm;
  readonly #applyWinograd: Winograd;
  readonly #adjointWinograd: Winograd;
  readonly #columns: ColumnAdjoint;
  readonly #kernels: Kernels;
  readonly #memory: KernelMemory;
  readonly #weight: Constant;
  readonly #forwardPadding: Padding;
  readonly #adjointRows: readonly AxisTaps[];
  readonly #adjointColumns: readonly AxisTaps[];
  readonly #adjointPadding: Padding;
  #applyPhase: Phase | undefined;
  #adjointPhases: Phase[] | undefined;

  constructor(
    geometry: CorrelationGeometry,
    weight: Constant,
    kernels: Kernels,
    memory: KernelMemory,
    mode: AlgorithmMode = "fast",
  ) {
    const g = geometry;
    this.geometry = g;
    this.#forward = forwardAlgorithm(g, mode);
    this.#backward = adjointAlgorithm(g, mode);
    this.#applyWinograd = new Winograd({ ...g, channels: g.inChannels }, "apply");
    this.#adjointWinograd = new Winograd(
      {
        ...{ inH: g.outH, inW: g.outW, channels: g.outChannels },
        ...{ outH: g.inH, outW: g.inW, outChannels: g.inChannels },
        ...{ padTop: 2 - g.padTop, padLeft: 2 - g.padLeft },
      },
      "adjoint",
    );
    this.#columns = new ColumnAdjoint(g);
    this.#kernels = kernels;
    this.#memory = memory;
    this.#weight = weight;
    this.#forwardPadding = {
      top: g.padTop,
      left: g.padLeft,
      bottom: Math.max(0, (g.outH - 1) * g.strideH + (g.kernelH - 1) * g.dilationH + 1 - g.inH - g.padTop),
      right: Math.max(0, (g.outW - 1) * g.strideW + (g.kernelW - 1) * g.dilationW + 1 - g.inW - g.padLeft),
    };
    this.#adjointRows = phaseTaps(g.strideH, g.dilationH, g.padTop, g.kernelH, g.inH);
    this.#adjointColumns = phaseTaps(g.strideW, g.dilationW, g.padLeft, g.kernelW, g.inW);
    const [top, bottom] = reach(this.#adjointRows, g.outH);
    const [left, right] = reach(this.#adjointColumns, g.outW);
    this.#adjointPadding = { top, left, bottom, right };
  }

  /** Multiply–accumulates of one sample. */
  get macs(): number {
    const g = this.geometry;
    return g.outH * g.outW * g.outChannels * (g.inChannels / g.groups) * g.kernelH * g.kernelW;
  }

  get applySide(): Side {
    return {
      weightBytes: this.#applyWeightBytes,
      scratchBytes: (samples) => this.#applyScratchBytes(samples),
      prepare: () => this.#prepareApply(),
      release: () => this.#releaseApply(),
      run: (...call) => this.#apply(...call),
    };
  }

  get adjointSide(): Side {
    return {
      weightBytes: this.#adjointWeightBytes,
      scratchBytes: (samples) => this.#adjointScratchBytes(samples),
      prepare: () => this.#prepareAdjoint(),
      release: () => this.#releaseAdjoint(),
      run: (...call) => this.#adjoint(...call),
    };
  }

  get #applyWeightBytes(): number {
    const g = this.geometry;
    const perOutput = (g.inChannels / g.groups) * g.kernelH * g.kernelW * floatBytes;
    if (this.#forward === "winograd") return this.#applyWinograd.weightBytes;
    if (this.#forward === "depthwise") return g.outChannels * perOutput;
    return g.groups * panelCount(g.outChannels / g.groups) * 8 * perOutput;
  }

  get #adjointWeightBytes(): number {
    const g = this.geometry;
    const perInput = (g.outChannels / g.groups) * g.kernelH * g.kernelW * floatBytes;
    if (this.#backward === "winograd") return this.#adjointWinograd.weightBytes;
    if (this.#backward === "depthwise") return g.inChannels * perInput;
    if (this.#backward === "few-channels") return this.#columns.weightBytes;
    return g.groups * panelCount(g.inChannels / g.groups) * 8 * perInput;
  }

  #applyScratchBytes(samples: number): number {
    const g = this.geometry;
    if (this.#forward === "winograd") return this.#applyWinograd.scratchBytes(samples);
    if (this.#forward === "depthwise") return 0;
    return paddedSize(g.inH, g.inW, g.inChannels, this.#forwardPadding) * floatBytes;
  }

  #adjointScratchBytes(samples: number): number {
    const g = this.geometry;
    if (this.#backward === "winograd") return this.#adjointWinograd.scratchBytes(samples);
    if (this.#backward === "depthwise") return 0;
    if (this.#backward === "few-channels") return this.#columns.scratchBytes;
    return paddedSize(g.outH, g.outW, g.outChannels, this.#adjointPadding) * floatBytes;
  }

  /** Places a bias over the outputs of `apply` (or of `adjoint`) as the chosen kernel reads it. */
  placeBias(bias: Float32Array): Pointer {
    return placeBias(this.#memory, bias, isDepthwise(this.geometry) ? 1 : this.geometry.groups);
  }

  #prepareApply(): void {
    if (this.#forward === "winograd") {
      this.#applyWinograd.prepare(this.#kernels, this.#memory, this.#weight);
      return;
    }
    if (this.#applyPhase) return;
    const g = this.geometry;
    const rows = plainTaps(g.kernelH, g.dilationH, g.outH);
    const columns = plainTaps(g.kernelW, g.dilationW, g.outW);
    const pitch = (g.inW + this.#forwardPadding.left + this.#forwardPadding.right) * g.inChannels;
    this.#applyPhase = this.#phase("apply", rows, columns, pitch, 0);
  }

  #prepareAdjoint(): void {
    if (this.#backward === "winograd") {
      this.#adjointWinograd.prepare(this.#kernels, this.#memory, this.#weight);
      return;
    }
    if (this.#adjointPhases) return;
    const g = this.geometry;
    if (this.#backward === "few-channels") {
      this.#columns.prepare(this.#memory, this.#weight);
      return;
    }
    const pitch = (g.outW + this.#adjointPadding.left + this.#adjointPadding.right) * g.outChannels;
    this.#adjointPhases = this.#adjointRows.flatMap((rows, row) =>
      this.#adjointColumns.map((columns, column) =>
        this.#phase("adjoint", rows, columns, pitch, (row * g.inW + column) * g.inChannels),
      ),
    );
  }

  #releaseApply(): void {
    this.#applyWinograd.release(this.#memory);
    this.#free(this.#applyPhase ? [this.#applyPhase] : []);
    this.#applyPhase = undefined;
  }

  #releaseAdjoint(): void {
    this.#adjointWinograd.release(this.#memory);
    this.#free(this.#adjointPhases ?? []);
    this.#adjointPhases = undefined;
    this.#columns.release(this.#memory);
  }

  #free(phases: readonly Phase[]): void {
    for (const { weight, tapTable } of phases) {
      this.#memory.free(weight);
      this.#memory.free(tapTable);
    }
  }

  /**
   * @param samples  images, one after the other
   * @param x        f32[samples][inH][inW][inChannels]
   * @param bias     as `placeBias` laid it out, or 0
   * @param y        f32[samples][outH][outW][outChannels]
   * @param clamp    bounds of y
   */
  #apply(run: Run, samples: number, x: Pointer, bias: Pointer, y: Pointer, clamp: Clamp): void {
    const g = this.geometry;
    if (this.#forward === "winograd") {
      this.#applyWinograd.run(run, samples, x, bias, y, clamp);
      return;
    }
    const phase = this.#applyPhase as Phase;
    if (this.#forward === "depthwise") {
      this.#runDepthwise(run, samples, phase, "apply", x, bias, y, clamp);
      return;
    }
    if (this.#forward === "pointwise") {
      const pixels = samples * g.outH * g.outW;
      const geometry = run.record("ConvGeometry", {
        lo: clamp.lo,
        hi: clamp.hi,
        samples: 1,
        xSample: 0,
        xRow: 0,
        xPixel: g.inChannels,
        outH: 1,
        outW: pixels,
        ySample: 0,
        yRow: 0,
        yPixel: g.outChannels,
        taps: phase.taps,
        tapTable: phase.tapTable,
        segment: phase.segment,
        outChannels: g.outChannels,
        groups: 1,
        xGroup: 0,
      });
      this.#kernels.conv(x, phase.weight, bias, y, geometry);
      return;
    }
    const from = { height: g.inH, width: g.inW, channels: g.inChannels };
    const to = { height: g.outH, width: g.outW, channels: g.outChannels, step: 1 };
    this.#eachPadded(run, samples, x, from, this.#forwardPadding, (image, sample, pitch) => {
      const out = y + sample * to.height * to.width * to.channels * floatBytes;
      this.#runPhase(run, phase, image, pitch, [g.strideH, g.strideW], bias, out, {
        yRow: to.width * to.channels,
        yPixel: to.channels,
        inChannels: g.inChannels,
        outChannels: g.outChannels,
        clamp,
      });
    });
  }

  /**
   * @param y     f32[samples][outH][outW][outChannels]
   * @param bias  added to every pixel of x, as `placeBias` laid it out over inChannels, or 0
   * @param x     f32[samples][inH][inW][inChannels], fully written
   * @param clamp bounds of x
   */
  #adjoint(run: Run, samples: number, y: Pointer, bias: Pointer, x: Pointer, clamp: Clamp): void {
    const g = this.geometry;
    if (this.#backward === "winograd") {
      this.#adjointWinograd.run(run, samples, y, bias, x, clamp);
      return;
    }
    if (this.#backward === "few-channels") {
      this.#columns.run(run, samples, y, bias, x, clamp);
      return;
    }
    if (this.#backward === "depthwise") {
      for (const phase of this.#adjointPhases as Phase[]) {
        this.#runDepthwise(run, samples, phase, "adjoint", y, bias, x + phase.outOffset * floatBytes, clamp);
      }
      return;
    }
    const from = { height: g.outH, width: g.outW, channels: g.outChannels };
    this.#eachPadded(run, samples, y, from, this.#adjointPadding, (image, sample, pitch) => {
      for (const phase of this.#adjointPhases as Phase[]) {
        const out = x + (sample * g.inH * g.inW * g.inChannels + phase.outOffset) * floatBytes;
        this.#runPhase(run, phase, image, pitch, [1, 1], bias, out, {
          yRow: g.strideH * g.inW * g.inChannels,
          yPixel: g.strideW * g.inChannels,
          inChannels: g.outChannels,
          outChannels: g.inChannels,
          clamp,
        });
      }
    });
  }

  #runDepthwise(
    run: Run,
    samples: number,
    { weight, rows, columns }: Phase,
    direction: "apply" | "adjoint",
    from: Pointer,
    bias: Pointer,
    to: Pointer,
    clamp: Clamp,
  ): void {
    const g = this.geometry;
    const apply = direction === "apply";
    // The phases of the adjoint step through what they write, the convolution through what it reads.
    const [readH, readW] = apply ? [g.strideH, g.strideW] : [1, 1];
    const [writeH, writeW] = apply ? [1, 1] : [g.strideH, g.strideW];
    const width = apply ? g.outW : g.inW;
    const geometry = run.record("DepthwiseGeometry", {
      samples,
      channels: g.groups,
      inH: apply ? g.inH : g.outH,
      inW: apply ? g.inW : g.outW,
      outH: rows.pixels,
      outW: columns.pixels,
      ySample: (apply ? g.outH : g.inH) * width * g.groups,
      yRow: writeH * width * g.groups,
      yPixel: writeW * g.groups,
      kernelH: columns.offset.length === 0 ? 0 : rows.offset.length,
      kernelW: columns.offset.length,
      strideH: readH,
      strideW: readW,
      dilationH: spacing(rows),
      dilationW: spacing(columns),
      top: (rows.offset[0] ?? 0) - (apply ? g.padTop : 0),
      left: (columns.offset[0] ?? 0) - (apply ? g.padLeft : 0),
      lo: clamp.lo,
      hi: clamp.hi,
    });
    this.#kernels.depthwise(from, weight, bias, to, geometry);
  }

  /** Hands out each image with its zero border: the image itself where no border is needed, a copy in scratch otherwise. */
  #eachPadded(
    run: Run,
    samples: number,
    source: Pointer,
    image: { height: number; width: number; channels: number },
    padding: Padding,
    use: (padded: Pointer, sample: number, pitch: number) => void,
  ): void {
    const { height, width, channels } = image;
    const pitch = (width + padding.left + padding.right) * channels;
    const plain = padding.top + padding.left + padding.bottom + padding.right === 0;
    for (let sample = 0; sample < samples; sample++) {
      const from = source + sample * height * width * channels * floatBytes;
      if (!plain) {
        const geometry = run.record("PadGeometry", { samples: 1, height, width, channels, ...padding });
        this.#kernels.pad(from, run.scratch, geometry);
      }
      use(plain ? from : run.scratch, sample, pitch);
    }
  }

  #runPhase(
    run: Run,
    phase: Phase,
    image: Pointer,
    pitch: number,
    [strideH, strideW]: readonly [number, number],
    bias: Pointer,
    out: Pointer,
    layout: { yRow: number; yPixel: number; inChannels: number; outChannels: number; clamp: Clamp },
  ): void {
    const { inChannels, outChannels, yRow, yPixel, clamp } = layout;
    const common = {
      lo: clamp.lo,
      hi: clamp.hi,
      samples: 1,
      xSample: 0,
      xRow: strideH * pitch,
      xPixel: strideW * inChannels,
      outH: phase.rows.pixels,
      outW: phase.columns.pixels,
      ySample: 0,
      yRow,
      yPixel,
    };
    const groups = this.geometry.groups;
    const geometry = run.record("ConvGeometry", {
      ...common,
      taps: phase.taps,
      tapTable: phase.tapTable,
      segment: phase.segment,
      outChannels: outChannels / groups,
      groups,
      xGroup: inChannels / groups,
    });
    this.#kernels.conv(image, phase.weight, bias, out, geometry);
  }

  /** Packs the weights one phase needs and lists the offsets of its taps. */
  #phase(direction: "apply" | "adjoint", rows: AxisTaps, columns: AxisTaps, pitch: number, outOffset: number): Phase {
    const g = this.geometry;
    const padding = direction === "apply" ? { top: 0, left: 0 } : this.#adjointPadding;
    const channels = direction === "apply" ? g.inChannels : g.outChannels;
    const shifted = {
      rows: { ...rows, offset: rows.offset.map((offset) => offset + padding.top) },
      columns: { ...columns, offset: columns.offset.map((offset) => offset + padding.left) },
    };
    const kernelOffsets = rows.kernelIndex.flatMap((ky) => columns.kernelIndex.map((kx) => ky * g.kernelW + kx));
    // Neighbouring taps of one kernel row read one contiguous run of the image if nothing lies between them.
    const contiguous = g.groups === 1 && columns.offset.every((offset, i) => offset === columns.offset[0] + i);
    const tapColumns = contiguous ? shifted.columns.offset.slice(0, 1) : shifted.columns.offset;
    const offsets = shifted.rows.offset.flatMap((row) => tapColumns.map((column) => row * pitch + column * channels));
    if (this.#forward === "depthwise") {
      const weight = this.#packPhase(direction, kernelOffsets);
      return { weight, tapTable: 0, taps: 0, segment: 0, rows, columns, outOffset };
    }
    return {
      weight: this.#packPhase(direction, kernelOffsets),
      tapTable: this.#memory.store(new Uint8Array(Int32Array.from(offsets).buffer), "Convolution taps"),
      taps: offsets.length,
      segment: contiguous ? columns.kernelIndex.length * channels : channels / g.groups,
      rows: shifted.rows,
      columns: shifted.columns,
      outOffset,
    };
  }

  #packPhase(direction: "apply" | "adjoint", kernelOffsets: readonly number[]): Pointer {
    const g = this.geometry;
    const kernelSize = g.kernelH * g.kernelW;
    const inPerGroup = g.inChannels / g.groups;
    const outPerGroup = g.outChannels / g.groups;
    if (this.#forward === "depthwise") {
      const source = this.#weight.floats();
      const packed = new Float32Array(kernelOffsets.length * g.groups);
      kernelOffsets.forEach((offset, tap) => {
        for (let c = 0; c < g.groups; c++) packed[tap * g.groups + c] = source[c * kernelSize + offset];
      });
      return uploadFloats(this.#memory, packed, "Depthwise weights");
    }
    const [produced, contracted] = direction === "apply" ? [outPerGroup, inPerGroup] : [inPerGroup, outPerGroup];
    const [outStride, channelStride] =
      direction === "apply" ? [inPerGroup * kernelSize, kernelSize] : [kernelSize, inPerGroup * kernelSize];
    return packPanels(this.#kernels, this.#memory, this.#weight, {
      groups: g.groups,
      groupStride: outPerGroup * inPerGroup * kernelSize,
      outChannels: produced,
      channels: contracted,
      tapOffsets: kernelOffsets,
      outStride,
      channelStride,
    });
  }
}

const paddedSize = (height: number, width: number, channels: number, padding: Padding): number =>
  padding.top + padding.left + padding.bottom + padding.right === 0
    ? 0
    : (height + padding.top + padding.bottom) * (width + padding.left + padding.right) * channels;
