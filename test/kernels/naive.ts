/** Reference loops in float64, channels last, written for reading. */

export interface ConvShape {
  samples: number;
  height: number;
  width: number;
  channels: number; // all groups
  outChannels: number; // all groups
  groups: number;
  kernelH: number;
  kernelW: number;
  strideH: number;
  strideW: number;
  dilationH: number;
  dilationW: number;
  pad: number; // every side
}

const outExtent = (extent: number, kernel: number, stride: number, dilation: number, pad: number) =>
  Math.floor((extent + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;

export const outShape = (s: ConvShape) => ({
  outH: outExtent(s.height, s.kernelH, s.strideH, s.dilationH, s.pad),
  outW: outExtent(s.width, s.kernelW, s.strideW, s.dilationW, s.pad),
});

/** Calls `visit` with the flat indices of x, weight (ONNX order [out][in/groups][kh][kw]) and y of every product. */
function forEachProduct(s: ConvShape, visit: (x: number, w: number, y: number) => void): void {
  const { outH, outW } = outShape(s);
  const inPer = s.channels / s.groups;
  const outPer = s.outChannels / s.groups;
  for (let n = 0; n < s.samples; n++)
    for (let oy = 0; oy < outH; oy++)
      for (let ox = 0; ox < outW; ox++)
        for (let o = 0; o < s.outChannels; o++)
          for (let ky = 0; ky < s.kernelH; ky++)
            for (let kx = 0; kx < s.kernelW; kx++) {
              const iy = oy * s.strideH - s.pad + ky * s.dilationH;
              const ix = ox * s.strideW - s.pad + kx * s.dilationW;
              if (iy < 0 || ix < 0 || iy >= s.height || ix >= s.width) continue;
              for (let c = 0; c < inPer; c++) {
                const channel = Math.floor(o / outPer) * inPer + c;
                visit(
                  ((n * s.height + iy) * s.width + ix) * s.channels + channel,
                  ((o * inPer + c) * s.kernelH + ky) * s.kernelW + kx,
                  ((n * outH + oy) * outW + ox) * s.outChannels + o,
                );
              }
            }
}

export function conv(s: ConvShape, x: number[], weight: number[], bias: number[]): number[] {
  const { outH, outW } = outShape(s);
  const y = Array.from({ length: s.samples * outH * outW * s.outChannels }, (_, i) => bias[i % s.outChannels]);
  forEachProduct(s, (xi, wi, yi) => {
    y[yi] += x[xi] * weight[wi];
  });
  return y;
}

export function convBackward(s: ConvShape, dy: number[], weight: number[]): number[] {
  const dx = new Array<number>(s.samples * s.height * s.width * s.channels).fill(0);
  forEachProduct(s, (xi, wi, yi) => {
    dx[xi] += dy[yi] * weight[wi];
  });
  return dx;
}

export interface PoolShape {
  samples: number;
  inH: number;
  inW: number;
  channels: number;
  outH: number;
  outW: number;
  kernelH: number;
  kernelW: number;
  strideH: number;
  strideW: number;
  dilationH: number;
  dilationW: number;
  padTop: number;
  padLeft: number;
  padBottom: number;
  padRight: number;
  countIncludePad: number;
}

/** Calls `visit` for every real element of every window: flat index of y, of x, and the offset in the window. */
export function forEachWindowElement(p: PoolShape, visit: (y: number, x: number, offset: number) => void): void {
  for (let n = 0; n < p.samples; n++)
    for (let oy = 0; oy < p.outH; oy++)
      for (let ox = 0; ox < p.outW; ox++)
        for (let c = 0; c < p.channels; c++)
          for (let k = 0; k < p.kernelH * p.kernelW; k++) {
            const iy = oy * p.strideH - p.padTop + Math.floor(k / p.kernelW) * p.dilationH;
            const ix = ox * p.strideW - p.padLeft + (k % p.kernelW) * p.dilationW;
            if (iy < 0 || ix < 0 || iy >= p.inH || ix >= p.inW) continue;
            visit(
              ((n * p.outH + oy) * p.outW + ox) * p.channels + c,
              ((n * p.inH + iy) * p.inW + ix) * p.channels + c,
              k,
            );
          }
}

const outCount = (p: PoolShape) => p.samples * p.outH * p.outW * p.channels;

export function maxPool(p: PoolShape, x: number[]): { y: number[]; switches: number[] } {
  const y = new Array<number>(outCount(p));
  const switches = new Array<number>(outCount(p)).fill(-1);
  forEachWindowElement(p, (yi, xi, offset) => {
    if (switches[yi] < 0 || x[xi] > y[yi] || Number.isNaN(x[xi])) {
      y[yi] = x[xi];
      switches[yi] = offset;
    }
  });
  return { y, switches };
}

/** The divisor of every output pixel, by counting window elements one at a time. */
export function averageDivisors(p: PoolShape): number[] {
  const divisors: number[] = [];
  const count = (out: number, stride: number, pad: number, kernel: number, dilation: number, end: number) =>
    Array.from({ length: kernel }, (_, k) => out * stride - pad + k * dilation).filter(
      (i) => (p.countIncludePad || i >= 0) && i < end,
    ).length;
  for (let n = 0; n < p.samples; n++)
    for (let oy = 0; oy < p.outH; oy++)
      for (let ox = 0; ox < p.outW; ox++) {
        const endH = p.inH + (p.countIncludePad ? p.padBottom : 0);
        const endW = p.inW + (p.countIncludePad ? p.padRight : 0);
        const h = count(oy, p.strideH, p.padTop, p.kernelH, p.dilationH, endH);
        const w = count(ox, p.strideW, p.padLeft, p.kernelW, p.dilationW, endW);
        for (let c = 0; c < p.channels; c++) divisors.push(h * w);
      }
  return divisors;
}

/** erfc with full relative accuracy: Taylor series below 2, continued fraction (Lentz from the tail) above. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) return 1 - erf(x);
  let f = x;
  for (let k = 120; k > 0; k--) f = x + k / 2 / f;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * f);
}

export function erf(x: number): number {
  if (Math.abs(x) >= 2) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let term = x;
  let sum = x;
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
