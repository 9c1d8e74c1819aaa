/**
 * Geometry records: the shape of one piece of work, written once by the caller and read by the kernels.
 *
 * Every field is four bytes. All strides and offsets count floats (elements), never bytes.
 * The order of the fields is the binary interface; `src/wasm/geometry.ts` writes the same order and a test compares them.
 */

/** A view of caller memory. Not constructible, or asc takes the records for plain objects and exports an allocator for them. */
@unmanaged
abstract class Geometry {
  protected constructor() {}
}

/**
 * One convolution as taps: y[p][n] = clamp(bias[n] + Σ_tap Σ_k x[pixel(p) + tap][k] · w[tap][k][n]).
 *
 * A tap is `run` neighbouring pixels of one row of x. A direct convolution with dilation 1 has one tap per kernel row (a
 * run of the kernel's width), a dilated or grouped one has one tap per kernel element, a 1×1 has a single tap; each
 * sub-pixel phase of an input gradient or a transposed convolution is one such record. What lies outside x counts as zero.
 */
@unmanaged
export class ConvGeometry extends Geometry {
  samples: i32; // images
  inH: i32;
  inW: i32;
  channels: i32; // of x, per group
  outH: i32;
  outW: i32;
  strideH: i32; // pixels of x between neighbouring outputs
  strideW: i32;
  ySample: i32;
  yRow: i32; // floats in y between rows of outputs (phase step included)
  yPixel: i32; // floats in y between columns of outputs (phase step included)
  taps: i32; // may be 0: then y = clamp(bias)
  tapTable: usize; // i32[taps][2], row and column of each tap's first pixel, from output · stride
  run: i32; // pixels per tap; 1 where there are several groups
  outChannels: i32; // per group, any number; weights and bias are padded to a multiple of 8
  groups: i32;
  blockTiles: i32; // tiles of four pixels that are gathered together
  lo: f32; // the result is clamped to [lo, hi]; -Infinity and +Infinity to leave it alone
  hi: f32;
}

/** What a layer of integers makes of its sums. */
@unmanaged
export class IntegerGeometry extends Geometry {
  offsets: usize; // i16[groups][⌈outChannels/8⌉·8], added to the weights of a convolution
  factors: usize; // f32[groups·outChannels], or 0: sums are written as they are
  steps: i32; // bytes behind a factor where its step lies
  low: f32; // ends of the grid
  high: f32;
  mode: i32; // 0 halves go to the even neighbour, 1 away from zero
  shorts: i32; // 1: places on the grid are written, as int16, which factors must be there for
}

/** Gathers weights into the panels `[⌈outChannels/8⌉][taps][channels][8]` the inner loop reads in order; absent outputs are zero. */
@unmanaged
export class PackGeometry extends Geometry {
  outChannels: i32;
  channels: i32; // inputs per tap element
  taps: i32;
  tapTable: usize; // i32[taps], float offset of the tap's element in the source
  outStride: i32; // floats in the source from one output channel to the next
  channelStride: i32; // floats in the source from one input channel to the next
}

/** Products of matrices that lie in memory with any strides; the rows of a are packed in blocks. */
@unmanaged
export class MatMulGeometry extends Geometry {
  rows: i32; // of a and c
  inner: i32; // columns of a, rows of b
  columns: i32; // of b and c
  aRow: i32; // floats in a from one row to the next
  aInner: i32;
  cRow: i32;
  cColumn: i32;
  blockTiles: i32; // groups of four rows that are packed together
}

/** A convolution of 3×3 to 5×5 with stride and dilation 1, in tiles of 4×4 to 2×2 outputs. x and y are dense images. */
@unmanaged
export class WinogradGeometry extends Geometry {
  samples: i32;
  inH: i32;
  inW: i32;
  channels: i32; // a multiple of 4
  outH: i32;
  outW: i32;
  outChannels: i32; // any number; weights and bias are padded to a multiple of 8
  padTop: i32;
  padLeft: i32; // what y needs at the right and at the bottom is zero as well
  tile: i32; // 4, 3 or 2: the side of a tile of outputs; the kernel's is 7 − tile
  blockTiles: i32; // tiles that pass through together; a multiple of 4
  firstTile: i32; // tiles that are computed, of those of all samples: a multiple of 4 …
  endTile: i32; // … and one past the last
  firstOut: i32; // outputs that are computed: a multiple of 8 …
  endOut: i32; // … and one past the last
  lo: f32;
  hi: f32;
}

/** Blocks of stride × stride pixels that become pixels with stride² times the channels. x and z are dense images. */
@unmanaged
export class SpaceToDepthGeometry extends Geometry {
  samples: i32;
  inH: i32;
  inW: i32;
  channels: i32;
  outH: i32;
  outW: i32;
  stride: i32;
  padTop: i32;
  padLeft: i32; // what z needs at the right and at the bottom is zero as well
}

/** A depthwise convolution; x is a dense image, what the kernel reaches outside of it counts as zero. */
@unmanaged
export class DepthwiseGeometry extends Geometry {
  samples: i32;
  channels: i32;
  inH: i32;
  inW: i32;
  outH: i32;
  outW: i32;
  ySample: i32;
  yRow: i32; // floats in y between rows of outputs (phase step included)
  yPixel: i32; // floats in y between columns of outputs (phase step included)
  kernelH: i32; // may be 0: then y = clamp(bias)
  kernelW: i32;
  strideH: i32;
  strideW: i32;
  dilationH: i32;
  dilationW: i32;
  top: i32; // row of x under the first kernel element of the first output: minus the padding
  left: i32;
  lo: f32;
  hi: f32;
}

/** Which columns of a GEMM are added back into an image: the input gradient of a convolution with few input channels. */
@unmanaged
export class ColumnGeometry extends Geometry {
  height: i32; // of the image
  width: i32;
  channels: i32;
  firstRow: i32; // first row of outputs whose columns are given
  rows: i32;
  outW: i32;
  column: i32; // floats from one column to the next, at least kernelH·kernelW·channels
  kernelH: i32;
  kernelW: i32;
  strideH: i32;
  strideW: i32;
  dilationH: i32;
  dilationW: i32;
  padTop: i32;
  padLeft: i32;
}

/** A pooling window over `[samples][inH][inW][channels]`. */
@unmanaged
export class PoolGeometry extends Geometry {
  samples: i32;
  inH: i32;
  inW: i32;
  channels: i32;
  outH: i32;
  outW: i32;
  kernelH: i32;
  kernelW: i32;
  strideH: i32;
  strideW: i32;
  dilationH: i32;
  dilationW: i32;
  padTop: i32;
  padLeft: i32;
  padBottom: i32;
  padRight: i32;
  countIncludePad: i32; // average pool: 1 divides by the window clipped to the padded input, 0 by the real elements
}

/** Nested loops over up to six extents, outermost first, with a stride per operand; a stride of 0 broadcasts or reduces. */
@unmanaged
export class StridedGeometry extends Geometry {
  d0: i32;
  d1: i32;
  d2: i32;
  d3: i32;
  d4: i32;
  d5: i32; // innermost
  a0: i32;
  a1: i32;
  a2: i32;
  a3: i32;
  a4: i32;
  a5: i32;
  b0: i32;
  b1: i32;
  b2: i32;
  b3: i32;
  b4: i32;
  b5: i32;
}

/** Separable resampling: y[oy][ox][c] = Σ_i Σ_j wy[oy][i] · wx[ox][j] · x[iy[oy][i]][ix[ox][j]][c]. */
@unmanaged
export class ResampleGeometry extends Geometry {
  samples: i32;
  inH: i32;
  inW: i32;
  channels: i32;
  outH: i32;
  outW: i32;
  tapsY: i32;
  tapsX: i32;
  indexY: usize; // i32[outH][tapsY]
  indexX: usize; // i32[outW][tapsX]
  weightY: usize; // f32[outH][tapsY]
  weightX: usize; // f32[outW][tapsX]
}

/** Pixels of an image at the places that a grid names. */
@unmanaged
export class GridGeometry extends Geometry {
  samples: i32;
  inH: i32;
  inW: i32;
  channels: i32;
  outH: i32;
  outW: i32;
  xSample: i32; // floats from one sample to the next; 0 for a constant
  gridSample: i32; // the same
  gridRow: i32; // floats from one place of the grid to the one below
  gridColumn: i32; // and to the one beside
  gridPart: i32; // from its number across to its number down
  nearest: i32; // 1 takes the nearest pixel, 0 blends four
  padding: i32; // what lies around: 0 zeros, 1 the pixel at the edge, 2 the image turned round
  alignCorners: i32; // 1: −1 and 1 are the middles of the pixels at the edge, 0: their outer sides
}
