/**
 * A strided convolution of few channels, a network's first layer, and its adjoint as ones with stride 1: blocks of stride × stride
 * pixels become pixels with stride² times the channels (space to depth), the kernel shrinks to ⌈kernel/stride⌉, and Winograd takes it
 * from there.
 */
import { Constant } from "../../graph/ir";
import { behind, unbounded } from "../operation";
import { finish } from "./column-adjoint";
import type { CorrelationGeometry, Side, SideParts } from "./side";
import { winograd } from "./winograd";

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

export function folded(parts: SideParts): Side {
  const { geometry: g, direction, weight } = parts;
  const inner = foldedGeometry(g);
  const side = winograd({ ...parts, geometry: inner, weight: () => foldedWeight(weight, g) });
  const foldedBytes = (samples: number): number =>
    Math.ceil((samples * inner.inH * inner.inW * inner.inChannels * 4) / 64) * 64;
  // One row of the picture with its border.
  const lineBytes = inner.inW * g.strideW * g.inChannels * 4;

  return {
    ...side,
    scratchBytes: (samples) => foldedBytes(samples) + Math.max(side.scratchBytes(samples), lineBytes),
    *run(whole, samples, from, bias, to, clamp) {
      const image = whole.scratch;
      const run = behind(whole, foldedBytes(samples));
      const geometry = run.record("SpaceToDepthGeometry", {
        ...{ samples, inH: g.inH, inW: g.inW, channels: g.inChannels, outH: inner.inH, outW: inner.inW },
        ...{ stride: g.strideH, padTop: g.padTop, padLeft: g.padLeft },
      });
      if (direction === "apply") {
        yield ["spaceToDepth", from, image, run.scratch, geometry];
        yield* side.run(run, samples, image, bias, to, clamp);
      } else {
        yield* side.run(run, samples, from, 0, image, unbounded);
        yield ["depthToSpace", image, to, run.scratch, geometry];
        yield* finish(run, to, bias, samples * g.inH * g.inW, g.inChannels, clamp);
      }
    },
  };
}
