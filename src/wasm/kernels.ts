/**
 * The kernels as TypeScript sees them: names, order and units are the exports of `assembly/index.ts`.
 *
 * A `Pointer` is a byte address in wasm memory. Tensors are float32, channels last. A geometry pointer addresses one of
 * the records of `assembly/geometry.ts`. No kernel allocates; every output range is fully written unless it says "adds".
 */
export type Pointer = number;

/** Element-wise functions of one variable; `a` and `b` are their parameters. */
export const Unary = {
  relu: 0, // max(x, 0)
  leakyRelu: 1, // x ≥ 0 ? x : a·x
  elu: 2, // b·(x ≥ 0 ? x : a·(eˣ − 1))
  clip: 3, // min(max(x, a), b)
  sigmoid: 4,
  hardSigmoid: 5, // clamp(a·x + b, 0, 1)
  hardSwish: 6, // x·clamp(x/6 + ½, 0, 1)
  tanh: 7,
  softplus: 8, // ln(1 + eˣ)
  gelu: 9, // x·½(1 + erf(x/√2))
  geluTanh: 10, // the tanh approximation
  erf: 11,
  exp: 12,
  sqrt: 13,
  scale: 14, // a·x
  power: 15, // xᵃ
  silu: 16, // x·sigmoid(x)
  log: 17,
  abs: 18,
  reciprocal: 19,
  mish: 20, // x·tanh(ln(1 + eˣ))
  thresholdedRelu: 21, // x > a ? x : 0
  shrink: 22, // x > b ? x − a : x < −b ? x + a : 0
  sin: 23,
  cos: 24,
  // From here on they jump, and have no derivative.
  sign: 25,
  round: 26, // halves to the even neighbour
  floor: 27,
  ceil: 28,
  truncate: 29,
  isNaN: 30,
  isInf: 31, // x = a or x = b
  not: 32, // x = 0
} as const;
export type UnaryKind = (typeof Unary)[keyof typeof Unary];

/** How a rectifier sends relevance back; every other function uses `gradient`. */
export const Rectify = {
  gradient: 0, // dy · f′(x)
  deconvnet: 1, // max(dy, 0)
  guided: 2, // max(dy, 0) where x > 0 (clip: where a < x < b)
} as const;
export type RectifyMode = (typeof Rectify)[keyof typeof Rectify];

/** Element-wise functions of two variables. */
export const Binary = {
  add: 0,
  subtract: 1,
  multiply: 2,
  divide: 3,
  maximum: 4,
  minimum: 5,
  ahead: 6, // a > b ? 1 : a = b ? ½ : 0
  power: 7, // aᵇ
  powerByBase: 8, // b·aᵇ⁻¹
  powerByExponent: 9, // aᵇ·ln a where a > 0
  remainder: 10, // with the sign of a
  modulo: 11, // with the sign of b
  cut: 12, // −trunc(a/b)
  floored: 13, // −⌊a/b⌋
  equal: 14,
  greater: 15,
  greaterOrEqual: 16,
  and: 17,
  or: 18,
  xor: 19,
  where: 20, // a ≠ 0 ? b : 0
  unless: 21, // a ≠ 0 ? 0 : b
  prelu: 22, // a < 0 ? a·b : a
  preluSlope: 23, // a > 0 ? 1 : b
  preluBySlope: 24, // a < 0 ? a : 0
} as const;
export type BinaryKind = (typeof Binary)[keyof typeof Binary];

/** What a row becomes. */
export const Reduce = { max: 0, min: 1, l1: 2, l2: 3, sumSquare: 4, logSum: 5, logSumExp: 6, product: 7 } as const;
export type ReduceKind = (typeof Reduce)[keyof typeof Reduce];

/** What can be called by name. */
export type KernelName = {
  [K in keyof Kernels]: Kernels[K] extends (...args: never[]) => void ? K : never;
}[keyof Kernels];

/** A call of a kernel, and its arguments. */
export type KernelCall = readonly [kernel: KernelName, ...args: readonly number[]];

/** Makes a call. */
export const callKernel = (kernels: Kernels, [kernel, ...args]: KernelCall): void =>
  (kernels as unknown as Readonly<Record<string, (...args: readonly number[]) => void>>)[kernel](...args);

export interface Kernels {
  readonly memory: WebAssembly.Memory;
  /** First byte the caller may use; below lie the module's own constants. */
  readonly __heap_base: WebAssembly.Global | number;

  // ── linear maps ──────────────────────────────────────────────────────────────────────────────────────
  /**
   * ConvGeometry; weight panels per group, bias f32[groups][⌈outChannels/8⌉·8] or 0 for none, scratch
   * blockTiles·(16 + 4·taps·run·channels) + 4·run·channels + 8 floats.
   */
  conv(x: Pointer, weight: Pointer, bias: Pointer, y: Pointer, scratch: Pointer, geometry: Pointer): void;
  /**
   * ConvGeometry, IntegerGeometry; x i16, weight i8[groups][⌈outChannels/8⌉][taps][⌈run·channels/2⌉][8][2], bias i32[groups][⌈outChannels/8⌉·8],
   * y f32 or i16, scratch 32 + 2·run·channels + 32·pairs + blockTiles·(80 + 16·pairs) bytes, of taps·⌈run·channels/2⌉ pairs.
   */
  integerConv(
    x: Pointer,
    weight: Pointer,
    bias: Pointer,
    y: Pointer,
    scratch: Pointer,
    geometry: Pointer,
    integers: Pointer,
  ): void;
  /**
   * DepthwiseGeometry, IntegerGeometry; x i16, weight i16[kernelW][⌈kernelH/2⌉][channels][2], bias i32[channels], y f32 or i16, scratch
   * 8·⌈kernelH/2⌉ + 2·inW·channels + 8 bytes.
   */
  integerDepthwise(
    x: Pointer,
    weight: Pointer,
    bias: Pointer,
    y: Pointer,
    scratch: Pointer,
    geometry: Pointer,
    integers: Pointer,
  ): void;
  /** y = clamp(round(x / scale), −bound, bound), i16; mode as `roundToGrid` has it, or 4: x holds integers. *lost = 1 if one is NaN. */
  toShorts(x: Pointer, y: Pointer, count: number, scale: number, bound: number, mode: number, lost: Pointer): void;
  /** PackGeometry; source f32 → f32 panels. */
  packWeights(source: Pointer, panels: Pointer, geometry: Pointer): void;
  /**
   * WinogradGeometry; 3×3 to 5×5, stride 1, dilation 1. weight f32[⌈outChannels/8⌉][36][channels][8], bias padded to 8 or 0,
   * scratch 36·(blockTiles·(channels + 8) + 4·channels + 72) floats.
   */
  winograd(x: Pointer, weight: Pointer, bias: Pointer, y: Pointer, scratch: Pointer, geometry: Pointer): void;
  /** PackGeometry with 9, 16 or 25 taps, row-major, reversed for the input gradient; source f32 → transformed panels. */
  winogradWeights(source: Pointer, panels: Pointer, geometry: Pointer): void;
  /** SpaceToDepthGeometry; z[i][j][(dy, dx, c)] = x[i·stride − padTop + dy][…][c]; line outW·stride·channels floats. */
  spaceToDepth(x: Pointer, z: Pointer, line: Pointer, geometry: Pointer): void;
  /** SpaceToDepthGeometry; its adjoint, x written whole. */
  depthToSpace(z: Pointer, x: Pointer, line: Pointer, geometry: Pointer): void;
  /** DepthwiseGeometry; weight f32[kernelH][kernelW][channels], bias f32[channels] or 0. */
  depthwise(x: Pointer, weight: Pointer, bias: Pointer, y: Pointer, geometry: Pointer): void;
  /** ColumnGeometry; dx[window of p] += columns[p], for some rows of outputs of one image. */
  scatterColumns(columns: Pointer, dx: Pointer, geometry: Pointer): void;
  /** y[n] = clamp(bias[n] + Σ_k x[k]·w[k][n]), panels `[⌈outputs/8⌉][inputs][8]`; bias padded to 8, or 0. */
  dense(
    x: Pointer,
    weight: Pointer,
    bias: Pointer,
    y: Pointer,
    inputs: number,
    outputs: number,
    lo: number,
    hi: number,
  ): void;
  /**
   * MatMulGeometry, and PackGeometry for b; for every entry of table, i32[count][4] (floats to the matrices in a, b and c, and 1
   * where c is added to): c = a·b. Scratch blockTiles·(48 + 4·inner) + ⌈columns/8⌉·8·inner floats.
   */
  matMul(
    a: Pointer,
    b: Pointer,
    c: Pointer,
    table: Pointer,
    count: number,
    scratch: Pointer,
    pack: Pointer,
    geometry: Pointer,
  ): void;

  /**
   * y[plane][n][p] = clamp(bias[n] + Σ_k x[plane][k][p]·w[k][n]), bias 0 for none, for x f32[rows/span][inner][span], w in panels `[⌈columns/8⌉][inner][8]`; scratch
   * blockTiles·(48 + 4·inner) floats.
   */
  multiplyPlanes(
    x: Pointer,
    panels: Pointer,
    bias: Pointer,
    y: Pointer,
    scratch: Pointer,
    rows: number,
    span: number,
    inner: number,
    columns: number,
    blockTiles: number,
    lo: number,
    hi: number,
  ): void;

  // ── pooling ──────────────────────────────────────────────────────────────────────────────────────────
  /**
   * switches [samples·outH·outW][channels]: offset of the first maximum in its window, row-major; u8 for windows of up to 256
   * elements, u16 for up to 65536.
   */
  maxPool(x: Pointer, y: Pointer, switches: Pointer, geometry: Pointer): void;
  /** dx[switch] += dy; dx is zeroed here. */
  maxPoolBackward(dy: Pointer, switches: Pointer, dx: Pointer, geometry: Pointer): void;
  /** y[switch] = x, zero elsewhere (ONNX MaxUnpool); geometry is that of the pool, so x has its output shape, y its input shape. */
  maxUnpool(x: Pointer, switches: Pointer, y: Pointer, geometry: Pointer): void;
  /** dx = dy[switch]: the adjoint of maxUnpool where windows do not overlap. */
  maxUnpoolBackward(dy: Pointer, switches: Pointer, dx: Pointer, geometry: Pointer): void;
  averagePool(x: Pointer, y: Pointer, geometry: Pointer): void;
  averagePoolBackward(dy: Pointer, dx: Pointer, geometry: Pointer): void;

  // ── element-wise ─────────────────────────────────────────────────────────────────────────────────────
  unary(kind: UnaryKind, x: Pointer, y: Pointer, count: number, a: number, b: number): void;
  /**
   * dx = dy · f′. `saved` is y for relu, leakyRelu, elu, clip, sigmoid, hardSigmoid, tanh, exp, sqrt, softplus, reciprocal and x for
   * hardSwish, gelu, geluTanh, erf, power, silu, log, abs, mish, shrink, sin, cos; for thresholdedRelu it is y where a ≥ 0, else x;
   * scale ignores it. dx may be dy.
   */
  unaryBackward(
    kind: UnaryKind,
    mode: RectifyMode,
    saved: Pointer,
    dy: Pointer,
    dx: Pointer,
    count: number,
    a: number,
    b: number,
  ): void;
  /** y = x ≥ 0 ? x : slope[c]·x over [pixels][channels]. */
  prelu(x: Pointer, slope: Pointer, y: Pointer, pixels: number, channels: number): void;
  preluBackward(
    mode: RectifyMode,
    x: Pointer,
    slope: Pointer,
    dy: Pointer,
    dx: Pointer,
    pixels: number,
    channels: number,
  ): void;
  /** StridedGeometry; y contiguous in loop order = a ∘ b with broadcasting. Inner strides are 0 or 1. */
  binary(kind: BinaryKind, a: Pointer, b: Pointer, y: Pointer, geometry: Pointer): void;
  /** StridedGeometry; b[...] = a[...]. */
  copyStrided(a: Pointer, b: Pointer, geometry: Pointer): void;
  /** y[p][c] = x[p][order[c]]; order u32[count], byte offsets inside a pixel of x. */
  gatherChannels(x: Pointer, order: Pointer, y: Pointer, pixels: number, channels: number, count: number): void;
  /** StridedGeometry; b[...] += a[...] (strides of 0 in b reduce). Adds: the caller zeroes b first. */
  addStrided(a: Pointer, b: Pointer, geometry: Pointer): void;
  /** y += x. Adds. */
  add(x: Pointer, y: Pointer, count: number): void;
  /** x[row] *= factors[row], f64 factors, products rounded once. */
  scaleRows(x: Pointer, factors: Pointer, rows: number, length: number): void;
  /** y[p][c] = x[p][c]·scale[c] + shift[c]; shift may be 0 for none. */
  scaleShift(x: Pointer, scale: Pointer, shift: Pointer, y: Pointer, pixels: number, channels: number): void;

  /** y = step[c]·clamp(round(x·factor[c]), lo, hi); table f32[2][channels]: factors, steps. mode: 1 halves away from zero, 2 divide by the factors. */
  roundToGrid(
    x: Pointer,
    table: Pointer,
    y: Pointer,
    pixels: number,
    channels: number,
    lo: number,
    hi: number,
    zero: number,
    mode: number,
  ): void;
  /**
   * The nearest number of a grid to a + b, of which each lies on a grid of its own, halves at the even integer. grids f32[11]: of a step, zero point
   * and step ÷ that of the result, the same of b, what all sums have in common, and of the result step, zero point and both ends.
   */
  gridSum(a: Pointer, b: Pointer, y: Pointer, count: number, grids: Pointer): void;
  /** dx = dy·step[c]·factor[c] where the rounded place lies from lo to hi, else 0; dx may be dy. */
  roundToGridBackward(
    x: Pointer,
    table: Pointer,
    dy: Pointer,
    dx: Pointer,
    pixels: number,
    channels: number,
    lo: number,
    hi: number,
    zero: number,
    mode: number,
  ): void;

  // ── normalisation ────────────────────────────────────────────────────────────────────────────────────
  /** Over the last dimension of [rows][columns], or the logarithm of it. */
  softmax(log: boolean, x: Pointer, y: Pointer, rows: number, columns: number): void;
  /** dx = y·(dy − Σ y·dy), or dx = dy − e^y·Σ dy for the logarithm; dx may be dy. */
  softmaxBackward(log: boolean, y: Pointer, dy: Pointer, dx: Pointer, rows: number, columns: number): void;
  /** y = x / (k + alpha/size · Σ_{window} x²)^beta, window c−⌊(size−1)/2⌋ … c+⌈(size−1)/2⌉ (ONNX LRN). */
  lrn(
    x: Pointer,
    y: Pointer,
    pixels: number,
    channels: number,
    size: number,
    alpha: number,
    beta: number,
    k: number,
  ): void;
  lrnBackward(
    x: Pointer,
    dy: Pointer,
    dx: Pointer,
    pixels: number,
    channels: number,
    size: number,
    alpha: number,
    beta: number,
    k: number,
  ): void;
  /** Per sample and channel over [samples][pixels][channels]: y = scale·(x − mean)/√(var + epsilon) + bias. */
  instanceNorm(
    x: Pointer,
    scale: Pointer,
    bias: Pointer,
    y: Pointer,
    samples: number,
    pixels: number,
    channels: number,
    epsilon: number,
  ): void;
  instanceNormBackward(
    x: Pointer,
    scale: Pointer,
    dy: Pointer,
    dx: Pointer,
    samples: number,
    pixels: number,
    channels: number,
    epsilon: number,
  ): void;
  /** Per row of [rows][columns]: y = (x − m)/√(mean((x − m)²) + epsilon), m the mean where centred, else 0; y may be x. */
  normalizeRows(centred: boolean, x: Pointer, y: Pointer, rows: number, columns: number, epsilon: number): void;
  /** Its adjoint; dx may be dy. */
  normalizeRowsBackward(
    centred: boolean,
    x: Pointer,
    dy: Pointer,
    dx: Pointer,
    rows: number,
    columns: number,
    epsilon: number,
  ): void;
  /** One number for every row of [rows][columns]. */
  reduceRows(kind: ReduceKind, x: Pointer, y: Pointer, rows: number, columns: number): void;
  /** Its adjoint; of equal extrema the first one gets all. */
  reduceRowsBackward(
    kind: ReduceKind,
    x: Pointer,
    y: Pointer,
    dy: Pointer,
    dx: Pointer,
    rows: number,
    columns: number,
  ): void;

  // ── geometry and formats ─────────────────────────────────────────────────────────────────────────────
  /** ResampleGeometry. */
  resample(x: Pointer, y: Pointer, geometry: Pointer): void;
  /** Adjoint of resample: scatters dy into dx, which is zeroed here. */
  resampleBackward(dy: Pointer, dx: Pointer, geometry: Pointer): void;
  /** GridGeometry; y = x at the places that grid names. */
  gridSample(x: Pointer, grid: Pointer, y: Pointer, geometry: Pointer): void;
  /** Its adjoint for x and for grid, each 0 where nobody asks; both are written whole. */
  gridSampleBackward(x: Pointer, grid: Pointer, dy: Pointer, dx: Pointer, dGrid: Pointer, geometry: Pointer): void;
  /** float16 bits → float32, exact, subnormals, infinities and NaN included. */
  expandHalf(source: Pointer, destination: Pointer, count: number): void;
}
