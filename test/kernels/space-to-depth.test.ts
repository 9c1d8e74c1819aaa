import { expect, it } from "vitest";
import fc from "../seeded";
import { expectAdjoint, kernels, noise, output, put, record, reset, room, settings } from "./harness.js";

const int = (min: number, max: number) => fc.integer({ min, max });

/** Blocks that jut out on every side, and that leave pixels over at the right and at the bottom. */
const cases = fc.record({
  samples: int(1, 3),
  inH: int(1, 13),
  inW: int(1, 13),
  channels: int(1, 4),
  outH: int(1, 6),
  outW: int(2, 6),
  stride: int(2, 4),
  padTop: int(0, 3),
  padLeft: int(0, 3),
});

it("spaceToDepth moves every pixel to its block, depthToSpace is its adjoint", () => {
  fc.assert(
    fc.property(cases, int(0, 1e6), (c, seed) => {
      reset();
      const block = c.stride * c.stride * c.channels;
      const [pixels, blocks] = [c.inH * c.inW * c.channels, c.outH * c.outW * block];
      const x = noise(seed, c.samples * pixels);
      const dz = noise(seed + 1, c.samples * blocks);
      const geometry = record("SpaceToDepthGeometry", c);
      const [px, pz, line] = [put(x), put(dz), room(c.outW * c.stride * c.channels)];
      const z = output(dz.length, (to) => kernels.spaceToDepth(px, to, line, geometry));
      const expected = dz.map((_, at) => {
        const [sample, inside] = [Math.floor(at / blocks), Math.floor((at % blocks) / block)];
        const [dy, rest] = [Math.floor((at % block) / (c.stride * c.channels)), (at % block) % (c.stride * c.channels)];
        const row = Math.floor(inside / c.outW) * c.stride - c.padTop + dy;
        const column = (inside % c.outW) * c.stride - c.padLeft + Math.floor(rest / c.channels);
        if (row < 0 || row >= c.inH || column < 0 || column >= c.inW) return 0;
        return x[sample * pixels + (row * c.inW + column) * c.channels + (rest % c.channels)];
      });
      expect(z).toEqual(expected);
      expectAdjoint(
        z,
        dz,
        x,
        output(x.length, (to) => kernels.depthToSpace(pz, to, line, geometry)),
      );
    }),
    settings,
  );
});
