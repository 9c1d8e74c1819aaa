/**
 * A strided convolution of few channels, a network's first layer, and its adjoint as ones with stride 1: blocks of stride × stride
 * pixels become pixels with stride² times the channels (space to depth), the kernel shrinks to ⌈kernel/stride⌉, and Winograd takes it
 * from there.
 */
import { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { finish } from "./column-adjoint";
import type { CorrelationGeometry, Side } from "./correlation";
import type { Clamp, Run } from "./operation";
import type { Direction } from "./taps";
import { Winograd } from "./winograd";

/** The convolution with stride 1 over the folded image. */
export function foldedGeometry(g: CorrelationGeometry): CorrelationGeometry {
  const kernel = Math.ceil(g.kernelH / g.strideH);
  return {
    ...g,
    ...{ inH: g.outH + kernel - 1, inW: g.outW + kernel - 1, inChannels: g.inChannels * g.strideH * g.strideW },
    ...{ kernelH: kernel, kernelW: kernel, strideH: 1, strideW: 1, padTop: 0, padLeft: 0 },
  };
}

/** w'[n][(dy, dx, c)][ky][kx] = w[n][c][ky·stride + dy][kx·stride + dx], zero beyond the kernel. */
function foldedWeight(weight: Constant, g: CorrelationGeometry): Constant {
  const { inChannels, kernelH: kernel, kernelW, outChannels } = foldedGeometry(g);
  const from = weight.floats();
  const to = new Float32Array(outChannels * inChannels * kernel * kernelW);
  let at = 0;
  for (let n = 0; n < outChannels; n++) {
    for (let channel = 0; channel < inChannels; channel++) {
      const c = channel % g.inChannels;
      const dx = Math.floor(channel / g.inChannels) % g.strideW;
      const dy = Math.floor(channel / g.inChannels / g.strideW);
      for (let ky = dy; ky < kernel * g.strideH; ky += g.strideH) {
        for (let kx = dx; kx < kernelW * g.strideW; kx += g.strideW, at++) {
          if (ky >= g.kernelH || kx >= g.kernelW) continue;
          to[at] = from[((n * g.inChannels + c) * g.kernelH + ky) * g.kernelW + kx];
        }
      }
    }
  }
  return Constant.fromFloats(to, [outChannels, inChannels, kernel, kernelW]);
}

const unbounded: Clamp = { lo: Number.NEGATIVE_INFINITY, hi: Number.POSITIVE_INFINITY };

export class Folded implements Side {
  readonly #geometry: CorrelationGeometry;
  readonly #folded: CorrelationGeometry;
  readonly #direction: Direction;
  readonly #kernels: Kernels;
  readonly #winograd: Winograd;

  constructor(
    geometry: CorrelationGeometry,
    direction: Direction,
    kernels: Kernels,
    memory: KernelMemory,
    weight: Constant,
  ) {
    this.#geometry = geometry;
    this.#folded = foldedGeometry(geometry);
    this.#direction = direction;
    this.#kernels = kernels;
    this.#winograd = new Winograd(this.#folded, direction, kernels, memory, () => foldedWeight(weight, geometry));
  }

  get weightBytes(): number {
    return this.#winograd.weightBytes;
  }

  scratchBytes(samples: number): number {
    return this.#winograd.scratchBytes(samples) + this.#foldedBytes(samples) + this.#lineBytes;
  }

  prepare(): void {
    this.#winograd.prepare();
  }

  release(): void {
    this.#winograd.release();
  }

  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void {
    const { inH, inW, inChannels, strideH, padTop, padLeft } = this.#geometry;
    const folded = run.scratch + this.#winograd.scratchBytes(samples);
    const line = folded + this.#foldedBytes(samples);
    const geometry = run.record("SpaceToDepthGeometry", {
      ...{ samples, inH, inW, channels: inChannels, outH: this.#folded.inH, outW: this.#folded.inW },
      ...{ stride: strideH, padTop, padLeft },
    });
    if (this.#direction === "apply") {
      this.#kernels.spaceToDepth(from, folded, line, geometry);
      this.#winograd.run(run, samples, folded, bias, to, clamp);
    } else {
      this.#winograd.run(run, samples, from, 0, folded, unbounded);
      this.#kernels.depthToSpace(folded, to, line, geometry);
      finish(run, to, bias, samples * inH * inW, inChannels, clamp);
    }
  }

  #foldedBytes(samples: number): number {
    const { inH, inW, inChannels } = this.#folded;
    return samples * inH * inW * inChannels * 4;
  }

  /** One row of the picture with its border. */
  get #lineBytes(): number {
    return this.#folded.inW * this.#geometry.strideW * this.#geometry.inChannels * 4;
  }
}
