/**
 * Which kernels are divided among threads, and how: where a part of the result begins, each argument and each field of a record that
 * says so is moved there. A kernel that is not listed runs in one thread.
 */
import { type KernelName, Unary } from "../kernels";
import { type Arguments, type Cut, type Cutter, changed, type Reader, type RecordPlace } from "./cut";

/** Floats of a cache line: parts of a row of numbers begin at one, and only the last has a rest that fills no vector. */
const line = 16;
const floatBytes = 4;
const shortBytes = 2;

/** Nanoseconds, about: of a product with weights at hand, of one that waits for memory, and of a number that is moved. */
const cost = { product: 0.1, streamed: 0.2, moved: 0.3, byte: 0.1 } as const;
const slowKinds: ReadonlySet<number> = new Set([
  ...[Unary.sigmoid, Unary.tanh, Unary.softplus, Unary.gelu, Unary.geluTanh, Unary.erf, Unary.exp, Unary.power],
  ...[Unary.silu, Unary.log, Unary.mish, Unary.sin, Unary.cos],
]);

/**
 * Numbers in a row.
 *
 * @param count   which argument says how many
 * @param steps   arguments that move along, and how many bytes each has of one number
 */
const row =
  (
    count: number,
    steps: Readonly<Record<number, number>>,
    isSlow: (args: Arguments) => boolean = () => false,
  ): Cutter =>
  (args) => [
    {
      units: args[count],
      grain: line,
      work: args[count] * (isSlow(args) ? 10 * cost.moved : cost.moved),
      part: (begin, end) => changed(args, { ...moved(args, steps, begin), [count]: end - begin }),
    },
  ];

/** The same for rows of `length` numbers. */
const rows =
  (count: number, length: number, pointers: readonly number[], perNumber: number = cost.moved, grain = 1): Cutter =>
  (args) => [
    {
      units: args[count],
      grain,
      work: args[count] * args[length] * perNumber,
      part: (begin, end) => {
        const steps = Object.fromEntries(pointers.map((at) => [at, args[length] * floatBytes]));
        return changed(args, { ...moved(args, steps, begin), [count]: end - begin });
      },
    },
  ];

const moved = (args: Arguments, steps: Readonly<Record<number, number>>, by: number): Record<number, number> =>
  Object.fromEntries(Object.entries(steps).map(([at, step]) => [at, args[Number(at)] + by * step]));

/** The sum of the parts that are divided, and of those that each thread does again. */
const shareAgain = (divided: number, again: number): Pick<Cut, "work" | "again"> => ({
  work: divided + again,
  again: again / (divided + again),
});

/** What convolutions of floats and of integers differ in: bytes of an element, and of what stands for eight outputs. */
interface ConvLayout {
  readonly xBytes: number;
  readonly yBytes: number;
  readonly panelBytes: number;
  readonly scratchBytes: number;
  /** Further arguments of the part that begins with a panel. */
  more(panel: number, place: RecordPlace): Readonly<Record<number, number>>;
}

const conv: Cutter = (args, reader) => {
  const g = reader.read(args[5], "ConvGeometry");
  const depth = g.taps * g.run * g.channels;
  return convolution(args, reader, {
    ...{ xBytes: floatBytes, yBytes: floatBytes, panelBytes: depth * 8 * floatBytes },
    scratchBytes: (g.blockTiles * (16 + 4 * depth) + 4 * g.run * g.channels + 8) * floatBytes,
    more: () => ({}),
  });
};

const integerConv: Cutter = (args, reader) => {
  const [geometry, integers] = args.slice(5);
  const g = reader.read(geometry, "ConvGeometry");
  const { offsets, factors, shorts } = reader.read(integers, "IntegerGeometry");
  const segment = g.run * g.channels;
  const pairs = g.taps * Math.ceil(segment / 2);
  return convolution(args, reader, {
    ...{ xBytes: shortBytes, yBytes: shorts === 1 ? shortBytes : floatBytes, panelBytes: 16 * pairs },
    scratchBytes: 32 + 2 * segment + 32 * pairs + g.blockTiles * (80 + 16 * pairs),
    more: (panel, place) => {
      const own = { offsets: offsets + 16 * panel, factors: factors && factors + 32 * panel };
      return { 6: place.more(integers, "IntegerGeometry", own) };
    },
  });
};

function convolution(args: Arguments, reader: Reader, layout: ConvLayout): Cut[] {
  const [x, weight, bias, y, , geometry] = args;
  const { xBytes, yBytes } = layout;
  const g = reader.read(geometry, "ConvGeometry");
  const { samples, channels, groups, outH, outW, outChannels, taps, run, yRow, yPixel, ySample } = g;
  const depth = taps * run * channels;
  const panels = Math.ceil(outChannels / 8);
  const pixels = samples * outH * outW;
  const products = pixels * depth * panels * 8 * groups * cost.product;
  // Gathering the pixels of a panel's tile takes about a third of multiplying them.
  const gathered = products / panels / 3;
  const weights = depth * panels * 8 * groups * floatBytes * cost.byte;
  const scratch = { argument: 4, bytes: layout.scratchBytes };
  const few = pixels < 8 * g.blockTiles;
  const byPlace = shareAgain(products + gathered, few ? weights : 0);
  const ways: Cut[] = [];
  const table = reader.words(g.tapTable, 2 * taps);
  const isDense = (samples === 1 || ySample === outH * yRow) && yRow === outW * yPixel;
  const isPointwise = taps === 1 && run === 1 && table[0] === 0 && table[1] === 0 && g.strideH === 1 && g.strideW === 1;
  const image = g.inH * g.inW * channels * groups * xBytes;
  if (isPointwise && isDense && g.inH === outH && g.inW === outW) {
    ways.push({
      ...byPlace,
      units: pixels,
      grain: 4,
      scratch,
      part: (begin, end, place) => {
        const count = end - begin;
        const own = { samples: 1, inH: 1, inW: count, outH: 1, outW: count };
        return changed(args, {
          0: x + begin * channels * groups * xBytes,
          3: y + begin * yPixel * yBytes,
          5: place.record(geometry, "ConvGeometry", own),
        });
      },
    });
  } else {
    ways.push({
      ...byPlace,
      units: samples,
      scratch,
      part: (begin, end, place) =>
        changed(args, {
          0: x + begin * image,
          3: y + begin * ySample * yBytes,
          5: place.record(geometry, "ConvGeometry", { samples: end - begin }),
        }),
    });
    // The table of taps is copied, moved to the rows of the part.
    if (taps <= mostTaps) {
      ways.push({
        ...byPlace,
        units: outH,
        scratch,
        part: (begin, end, place) => {
          const shifted = table.map((at, i) => (i % 2 === 0 ? at + begin * g.strideH : at));
          return changed(args, {
            3: y + begin * yRow * yBytes,
            5: place.record(geometry, "ConvGeometry", { outH: end - begin, tapTable: place.table(shifted) }),
          });
        },
      });
    }
  }
  if (groups === 1) {
    ways.push({
      ...shareAgain(products + weights, gathered),
      units: panels,
      scratch,
      part: (begin, end, place) =>
        changed(args, {
          1: weight + begin * layout.panelBytes,
          2: bias && bias + begin * 8 * floatBytes,
          3: y + begin * 8 * yBytes,
          5: place.record(geometry, "ConvGeometry", { outChannels: Math.min(8 * end, outChannels) - 8 * begin }),
          ...layout.more(begin, place),
        }),
    });
  }
  return ways;
}

/** Taps that fit where a part has its table. */
const mostTaps = 32;

const winograd: Cutter = (args, reader) => {
  const [, weight, bias, , , geometry] = args;
  const { firstTile, endTile, firstOut, endOut, channels, blockTiles } = reader.read(geometry, "WinogradGeometry");
  const tiles = endTile - firstTile;
  const panels = Math.ceil((endOut - firstOut) / 8);
  const panelBytes = 36 * channels * 8 * floatBytes;
  const products = tiles * panels * 36 * channels * 8 * cost.product;
  const transformed = (products / panels) * 1.5;
  const weights = panels * panelBytes * cost.byte;
  const scratchFloats = 36 * (blockTiles * (channels + 8) + 4 * channels + 72);
  const scratch = { argument: 4, bytes: scratchFloats * floatBytes };
  return [
    {
      ...shareAgain(products + transformed, tiles < 4 * blockTiles ? weights : 0),
      units: tiles,
      grain: 4,
      scratch,
      part: (begin, end, place) =>
        changed(args, {
          5: place.record(geometry, "WinogradGeometry", { firstTile: firstTile + begin, endTile: firstTile + end }),
        }),
    },
    {
      ...shareAgain(products + weights, transformed),
      units: panels,
      scratch,
      part: (begin, end, place) => {
        const own = { firstOut: firstOut + 8 * begin, endOut: Math.min(firstOut + 8 * end, endOut) };
        return changed(args, {
          1: weight + begin * panelBytes,
          2: bias && bias + begin * 8 * floatBytes,
          5: place.record(geometry, "WinogradGeometry", own),
        });
      },
    },
  ];
};

const depthwise: Cutter = (args, reader) =>
  byRows(args, reader, { geometry: 4, xBytes: floatBytes, yBytes: floatBytes });

const integerDepthwise: Cutter = (args, reader) => {
  const g = reader.read(args[5], "DepthwiseGeometry");
  const yBytes = reader.read(args[6], "IntegerGeometry").shorts === 1 ? shortBytes : floatBytes;
  const bytes = 8 * Math.ceil(g.kernelH / 2) + shortBytes * g.inW * g.channels + 8;
  return byRows(args, reader, { geometry: 5, xBytes: shortBytes, yBytes }).map((cut) => {
    return { ...cut, scratch: { argument: 4, bytes } };
  });
};

interface DepthwiseLayout {
  /** Which argument that is. */
  readonly geometry: number;
  readonly xBytes: number;
  readonly yBytes: number;
}

function byRows(args: Arguments, reader: Reader, { geometry: at, xBytes, yBytes }: DepthwiseLayout): Cut[] {
  const [x, , , y] = args;
  const geometry = args[at];
  const g = reader.read(geometry, "DepthwiseGeometry");
  const work = g.samples * g.outH * g.outW * g.channels * (g.kernelH * g.kernelW + 1) * 3 * cost.product;
  return [
    {
      work,
      units: g.samples,
      part: (begin, end, place) =>
        changed(args, {
          0: x + begin * g.inH * g.inW * g.channels * xBytes,
          3: y + begin * g.ySample * yBytes,
          [at]: place.record(geometry, "DepthwiseGeometry", { samples: end - begin }),
        }),
    },
    {
      work,
      units: g.outH,
      part: (begin, end, place) =>
        changed(args, {
          3: y + begin * g.yRow * yBytes,
          [at]: place.record(geometry, "DepthwiseGeometry", { outH: end - begin, top: g.top + begin * g.strideH }),
        }),
    },
  ];
}

const dense: Cutter = (args) => {
  const [, weight, bias, y, inputs, outputs] = args;
  return [
    {
      units: Math.ceil(outputs / 8),
      // Three panels are multiplied together.
      grain: 3,
      work: inputs * outputs * cost.streamed,
      part: (begin, end) =>
        changed(args, {
          1: weight + begin * inputs * 8 * floatBytes,
          2: bias && bias + begin * 8 * floatBytes,
          3: y + begin * 8 * floatBytes,
          5: Math.min(8 * end, outputs) - 8 * begin,
        }),
    },
  ];
};

const matMul: Cutter = (args, reader) => {
  const [a, b, c, table, count, , pack, geometry] = args;
  const g = reader.read(geometry, "MatMulGeometry");
  const p = reader.read(pack, "PackGeometry");
  const entries = reader.words(table, 4 * count);
  let packed = 0;
  let adds = false;
  for (let i = 0; i < entries.length; i += 4) {
    if (i === 0 || entries[i + 1] !== entries[i - 3]) packed++;
    adds ||= entries[i + 3] !== 0;
  }
  const panels = Math.ceil(g.columns / 8);
  const products = count * g.rows * g.inner * panels * 8 * cost.product;
  const packing = packed * g.inner * panels * 8 * 3 * cost.product;
  const gathered = products / panels / 3;
  const scratchFloats = g.blockTiles * (48 + 4 * g.inner) + panels * 8 * g.inner;
  const scratch = { argument: 5, bytes: scratchFloats * floatBytes };
  return [
    // Products that are added to the same matrix are added one after the other.
    {
      ...shareAgain(products + gathered + (packed > 1 ? packing : 0), packed > 1 ? 0 : packing),
      units: adds ? 1 : count,
      scratch,
      part: (begin, end) => changed(args, { 3: table + begin * 16, 4: end - begin }),
    },
    {
      ...shareAgain(products + gathered, packing),
      units: g.rows,
      grain: 4,
      scratch,
      part: (begin, end, place) =>
        changed(args, {
          0: a + begin * g.aRow * floatBytes,
          2: c + begin * g.cRow * floatBytes,
          7: place.record(geometry, "MatMulGeometry", { rows: end - begin }),
        }),
    },
    {
      ...shareAgain(products + packing, gathered),
      units: panels,
      scratch,
      part: (begin, end, place) => {
        const columns = Math.min(8 * end, g.columns) - 8 * begin;
        return changed(args, {
          1: b + 8 * begin * p.outStride * floatBytes,
          2: c + 8 * begin * g.cColumn * floatBytes,
          6: place.more(pack, "PackGeometry", { outChannels: columns }),
          7: place.record(geometry, "MatMulGeometry", { columns }),
        });
      },
    },
  ];
};

/** Columns added back into rows of the image: a part has some rows, and passes over the columns of the others. */
const scatterColumns: Cutter = (args, reader) => {
  const [, dx, geometry] = args;
  const g = reader.read(geometry, "ColumnGeometry");
  const first = Math.max(0, g.firstRow * g.strideH - g.padTop);
  const end = (g.firstRow + g.rows - 1) * g.strideH - g.padTop + (g.kernelH - 1) * g.dilationH + 1;
  const columns = g.rows * g.outW * g.kernelH;
  return [
    {
      ...shareAgain(columns * g.kernelW * g.channels * cost.moved, columns * 2 * cost.moved),
      units: Math.min(end, g.height) - first,
      part: (begin, stop, place) => {
        const top = first + begin;
        return changed(args, {
          1: dx + top * g.width * g.channels * floatBytes,
          2: place.record(geometry, "ColumnGeometry", { height: stop - begin, padTop: g.padTop + top }),
        });
      },
    },
  ];
};

/**
 * Windows of a pool, divided by samples, or by rows of outputs where there is one sample.
 *
 * @param full      argument with the larger maps
 * @param pooled    argument with the smaller ones
 * @param switches  argument with the switches, if there is one
 */
const pooledRows =
  (full: number, pooled: number, switches: number | undefined): Cutter =>
  (args, reader) => {
    const geometry = args.length - 1;
    const g = reader.read(args[geometry], "PoolGeometry");
    const pixels = g.outH * g.outW * g.channels;
    const switchBytes = g.kernelH * g.kernelW > 256 ? 2 : 1;
    const switchesAt = (by: number): Record<number, number> =>
      switches === undefined ? {} : { [switches]: args[switches] + by * switchBytes };
    const work = g.samples * pixels * (g.kernelH * g.kernelW + 1) * cost.moved;
    return [
      {
        work,
        units: g.samples,
        part: (begin, end, place) =>
          changed(args, {
            [full]: args[full] + begin * g.inH * g.inW * g.channels * floatBytes,
            [pooled]: args[pooled] + begin * pixels * floatBytes,
            ...switchesAt(begin * pixels),
            [geometry]: place.record(args[geometry], "PoolGeometry", { samples: end - begin }),
          }),
      },
      {
        work,
        units: g.samples === 1 ? g.outH : 1,
        part: (begin, end, place) => {
          const own = { outH: end - begin, padTop: g.padTop - begin * g.strideH };
          return changed(args, {
            [pooled]: args[pooled] + begin * g.outW * g.channels * floatBytes,
            ...switchesAt(begin * g.outW * g.channels),
            [geometry]: place.record(args[geometry], "PoolGeometry", own),
          });
        },
      },
    ];
  };

/** The way back of a maximum: a part has some rows of the larger map, and meets the windows that reach them. */
const routedRows =
  (full: number, pooled: number): Cutter =>
  (args, reader) => {
    const switches = 1;
    const geometry = 3;
    const g = reader.read(args[geometry], "PoolGeometry");
    const [bySamples] = pooledRows(full, pooled, switches)(args, reader);
    const reach = (g.kernelH - 1) * g.dilationH;
    const switchBytes = g.kernelH * g.kernelW > 256 ? 2 : 1;
    return [
      bySamples,
      {
        work: bySamples.work,
        units: g.samples === 1 ? g.inH : 1,
        part: (begin, end, place) => {
          const first = Math.min(Math.max(0, Math.ceil((begin + g.padTop - reach) / g.strideH)), g.outH);
          const last = Math.min(g.outH - 1, Math.floor((end - 1 + g.padTop) / g.strideH));
          const skipped = first * g.outW * g.channels;
          const own = {
            inH: end - begin,
            outH: Math.max(0, last + 1 - first),
            padTop: g.padTop + begin - first * g.strideH,
          };
          return changed(args, {
            [full]: args[full] + begin * g.inW * g.channels * floatBytes,
            [pooled]: args[pooled] + skipped * floatBytes,
            [switches]: args[switches] + skipped * switchBytes,
            [geometry]: place.record(args[geometry], "PoolGeometry", own),
          });
        },
      },
    ];
  };

const axes = [0, 1, 2, 3, 4, 5] as const;
type Axis = (typeof axes)[number];

/** Loops over strides; y, where there is one, lies in the order of the loops. */
const strided =
  (writes: "y" | "b", a: number, b: number, y?: number): Cutter =>
  (args, reader) => {
    const geometry = args.length - 1;
    const g = reader.read(args[geometry], "StridedGeometry");
    const extents = axes.map((axis) => g[`d${axis}`]);
    const total = extents.reduce((product, extent) => product * extent, 1);
    const work = total * 2 * cost.moved;
    if (writes === "b" && !writesApart(axes.map((axis) => [g[`b${axis}`], g[`d${axis}`]]))) return [];
    // A broadcast operand is spread where all threads would: only one that is the same everywhere is the same for all of them.
    const isSpread = (name: "a" | "b"): boolean =>
      g[`${name}5`] === 0 && axes.some((axis) => g[`${name}${axis}`] !== 0 && extents[axis] > 1);
    if (writes === "y" && (isSpread("a") || isSpread("b"))) return [];
    return (
      axes
        .filter((axis) => extents[axis] > 1 && (writes === "y" || g[`b${axis}`] !== 0))
        .map((axis: Axis): Cut => {
          const inner = extents.slice(axis + 1).reduce((product, extent) => product * extent, 1);
          const isLine = axis === 5;
          return {
            work,
            units: extents[axis],
            grain: isLine ? line : 1,
            // Loops that are left outside are gone through by every part.
            again: isLine && total > extents[5] ? 0.5 : 0,
            part: (begin, end, place) =>
              changed(args, {
                [a]: args[a] + begin * g[`a${axis}`] * floatBytes,
                [b]: args[b] + begin * g[`b${axis}`] * floatBytes,
                ...(y !== undefined && { [y]: args[y] + begin * inner * floatBytes }),
                [geometry]: place.record(args[geometry], "StridedGeometry", { [`d${axis}`]: end - begin }),
              }),
          };
        })
        // What y has of an inner loop lies in many places.
        .filter((_, i) => y === undefined || i === 0)
    );
  };

/** Whether different places of the loops are different places in memory, but for loops that stay where they are. */
function writesApart(loops: readonly (readonly [stride: number, extent: number])[]): boolean {
  const steps = loops
    .filter(([stride, extent]) => stride !== 0 && extent > 1)
    .map(([stride, extent]) => [Math.abs(stride), extent] as const)
    .sort(([one], [other]) => one - other);
  let reach = 0;
  for (const [stride, extent] of steps) {
    if (stride <= reach) return false;
    reach += stride * (extent - 1);
  }
  return true;
}

const bySamples =
  (samples: number, pointers: readonly number[], pixels: number, channels: number): Cutter =>
  (args) => {
    const size = args[pixels] * args[channels];
    const steps = Object.fromEntries(pointers.map((at) => [at, size * floatBytes]));
    return [
      {
        units: args[samples],
        work: args[samples] * size * 3 * cost.moved,
        part: (begin, end) => changed(args, { ...moved(args, steps, begin), [samples]: end - begin }),
      },
    ];
  };

const resample: Cutter = (args, reader) => {
  const [x, y, geometry] = args;
  const g = reader.read(geometry, "ResampleGeometry");
  const row = g.outW * g.channels * floatBytes;
  const work = g.samples * g.outH * g.outW * g.channels * g.tapsY * g.tapsX * cost.moved;
  return [
    {
      work,
      units: g.samples,
      part: (begin, end, place) =>
        changed(args, {
          0: x + begin * g.inH * g.inW * g.channels * floatBytes,
          1: y + begin * g.outH * row,
          2: place.record(geometry, "ResampleGeometry", { samples: end - begin }),
        }),
    },
    {
      work,
      units: g.samples === 1 ? g.outH : 1,
      part: (begin, end, place) => {
        const [indexY, weightY] = [g.indexY, g.weightY].map((at) => at + begin * g.tapsY * floatBytes);
        return changed(args, {
          1: y + begin * row,
          2: place.record(geometry, "ResampleGeometry", { outH: end - begin, indexY, weightY }),
        });
      },
    },
  ];
};

const spaceToDepth: Cutter = (args, reader) => {
  const [x, z, , geometry] = args;
  const g = reader.read(geometry, "SpaceToDepthGeometry");
  const row = g.outW * g.stride ** 2 * g.channels * floatBytes;
  const scratch = { argument: 2, bytes: g.outW * g.stride * g.channels * floatBytes };
  const work = (g.samples * g.outH * row * cost.moved) / floatBytes;
  return [
    {
      work,
      units: g.samples,
      scratch,
      part: (begin, end, place) =>
        changed(args, {
          0: x + begin * g.inH * g.inW * g.channels * floatBytes,
          1: z + begin * g.outH * row,
          3: place.record(geometry, "SpaceToDepthGeometry", { samples: end - begin }),
        }),
    },
    {
      work,
      units: g.samples === 1 ? g.outH : 1,
      scratch,
      part: (begin, end, place) => {
        const own = { outH: end - begin, padTop: g.padTop - begin * g.stride };
        return changed(args, { 1: z + begin * row, 3: place.record(geometry, "SpaceToDepthGeometry", own) });
      },
    },
  ];
};

const depthToSpace: Cutter = (args, reader) => {
  const [, x, , geometry] = args;
  const g = reader.read(geometry, "SpaceToDepthGeometry");
  const row = g.inW * g.channels;
  return [
    {
      work: g.samples * g.inH * row * cost.moved,
      units: g.samples === 1 ? g.inH : 1,
      scratch: { argument: 2, bytes: g.outW * g.stride * g.channels * floatBytes },
      part: (begin, end, place) => {
        const own = { inH: end - begin, padTop: g.padTop + begin };
        return changed(args, {
          1: x + begin * row * floatBytes,
          3: place.record(geometry, "SpaceToDepthGeometry", own),
        });
      },
    },
  ];
};

const gatherChannels: Cutter = (args) => {
  const [, , , pixels, channels, count] = args;
  return [
    {
      units: pixels,
      work: pixels * count * 2 * cost.moved,
      part: (begin, end) =>
        changed(args, { ...moved(args, { 0: channels * floatBytes, 2: count * floatBytes }, begin), 3: end - begin }),
    },
  ];
};

const packWeights: Cutter = (args, reader) => {
  const [source, panels, geometry] = args;
  const g = reader.read(geometry, "PackGeometry");
  const panel = g.taps * g.channels * 8;
  const count = Math.ceil(g.outChannels / 8);
  return [
    {
      units: count,
      work: count * panel * 3 * cost.moved,
      part: (begin, end, place) =>
        changed(args, {
          0: source + 8 * begin * g.outStride * floatBytes,
          1: panels + begin * panel * floatBytes,
          2: place.record(geometry, "PackGeometry", { outChannels: Math.min(8 * end, g.outChannels) - 8 * begin }),
        }),
    },
  ];
};

const isSlowUnary = ([kind]: Arguments): boolean => slowKinds.has(kind);

/** The kernels that are divided, by their names. */
export const cuts: Readonly<Partial<Record<KernelName, Cutter>>> = {
  conv,
  winograd,
  depthwise,
  integerConv,
  integerDepthwise,
  dense,
  matMul,
  scatterColumns,
  packWeights,
  spaceToDepth,
  depthToSpace,
  gatherChannels,
  maxPool: pooledRows(0, 1, 2),
  averagePool: pooledRows(0, 1, undefined),
  maxUnpoolBackward: pooledRows(0, 2, 1),
  maxPoolBackward: routedRows(2, 0),
  maxUnpool: routedRows(2, 0),
  unary: row(3, { 1: floatBytes, 2: floatBytes }, isSlowUnary),
  unaryBackward: row(5, { 2: floatBytes, 3: floatBytes, 4: floatBytes }, isSlowUnary),
  add: row(2, { 0: floatBytes, 1: floatBytes }),
  expandHalf: row(2, { 0: 2, 1: floatBytes }),
  prelu: rows(3, 4, [0, 2]),
  // As all numbers in one row, where a rule does not look at the slopes.
  preluBackward: rows(5, 6, [1, 3, 4], cost.moved, line),
  scaleShift: rows(4, 5, [0, 3]),
  gridSum: row(3, { 0: floatBytes, 1: floatBytes, 2: floatBytes }),
  toShorts: row(2, { 0: floatBytes, 1: shortBytes }),
  roundToGrid: rows(3, 4, [0, 2], 3 * cost.moved),
  roundToGridBackward: rows(4, 5, [0, 2, 3], 3 * cost.moved),
  softmax: rows(3, 4, [1, 2], 10 * cost.moved),
  softmaxBackward: rows(4, 5, [1, 2, 3], 2 * cost.moved),
  lrn: rows(2, 3, [0, 1], 20 * cost.moved),
  lrnBackward: rows(3, 4, [0, 1, 2], 20 * cost.moved),
  normalizeRows: rows(3, 4, [1, 2], 3 * cost.moved),
  normalizeRowsBackward: rows(4, 5, [1, 2, 3], 4 * cost.moved),
  instanceNorm: bySamples(4, [0, 3], 5, 6),
  instanceNormBackward: bySamples(4, [0, 2, 3], 5, 6),
  binary: strided("y", 1, 2, 3),
  copyStrided: strided("b", 0, 1),
  addStrided: strided("b", 0, 1),
  resample,
};
