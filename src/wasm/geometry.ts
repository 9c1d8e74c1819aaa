/**
 * Writers for the geometry records of `assembly/geometry.ts`: same fields, same order, four bytes each.
 */
const recordFields = {
  ConvGeometry: [
    "samples",
    "inH",
    "inW",
    "channels",
    "outH",
    "outW",
    "strideH",
    "strideW",
    "ySample",
    "yRow",
    "yPixel",
    "taps",
    "tapTable",
    "run",
    "outChannels",
    "groups",
    "blockTiles",
    "lo",
    "hi",
  ],
  PackGeometry: ["outChannels", "channels", "taps", "tapTable", "outStride", "channelStride"],
  MatMulGeometry: ["rows", "inner", "columns", "aRow", "aInner", "cRow", "cColumn", "blockTiles"],
  WinogradGeometry: [
    "samples",
    "inH",
    "inW",
    "channels",
    "outH",
    "outW",
    "outChannels",
    "padTop",
    "padLeft",
    "tile",
    "blockTiles",
    "lo",
    "hi",
  ],
  SpaceToDepthGeometry: ["samples", "inH", "inW", "channels", "outH", "outW", "stride", "padTop", "padLeft"],
  DepthwiseGeometry: [
    "samples",
    "channels",
    "inH",
    "inW",
    "outH",
    "outW",
    "ySample",
    "yRow",
    "yPixel",
    "kernelH",
    "kernelW",
    "strideH",
    "strideW",
    "dilationH",
    "dilationW",
    "top",
    "left",
    "lo",
    "hi",
  ],
  ColumnGeometry: [
    "height",
    "width",
    "channels",
    "firstRow",
    "rows",
    "outW",
    "column",
    "kernelH",
    "kernelW",
    "strideH",
    "strideW",
    "dilationH",
    "dilationW",
    "padTop",
    "padLeft",
  ],
  PoolGeometry: [
    "samples",
    "inH",
    "inW",
    "channels",
    "outH",
    "outW",
    "kernelH",
    "kernelW",
    "strideH",
    "strideW",
    "dilationH",
    "dilationW",
    "padTop",
    "padLeft",
    "padBottom",
    "padRight",
    "countIncludePad",
  ],
  StridedGeometry: [
    "d0",
    "d1",
    "d2",
    "d3",
    "d4",
    "d5",
    "a0",
    "a1",
    "a2",
    "a3",
    "a4",
    "a5",
    "b0",
    "b1",
    "b2",
    "b3",
    "b4",
    "b5",
  ],
  ResampleGeometry: [
    "samples",
    "inH",
    "inW",
    "channels",
    "outH",
    "outW",
    "tapsY",
    "tapsX",
    "indexY",
    "indexX",
    "weightY",
    "weightX",
  ],
} as const;

export type RecordName = keyof typeof recordFields;
export type GeometryRecord<R extends RecordName> = Record<(typeof recordFields)[R][number], number>;

const floatFields: ReadonlySet<string> = new Set(["lo", "hi"]);

/** The field names of a record in memory order. */
export const fieldsOf = (record: RecordName): readonly string[] => recordFields[record];

/** Encodes a record as the bytes the kernels read. */
export function encodeGeometry<R extends RecordName>(record: R, values: GeometryRecord<R>): Uint8Array {
  const fields: readonly string[] = recordFields[record];
  const view = new DataView(new ArrayBuffer(fields.length * 4));
  fields.forEach((field, i) => {
    const value = (values as Record<string, number>)[field];
    if (floatFields.has(field)) view.setFloat32(i * 4, value, true);
    else view.setInt32(i * 4, value, true);
  });
  return new Uint8Array(view.buffer);
}
