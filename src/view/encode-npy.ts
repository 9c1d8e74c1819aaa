import { isFloat32Array } from "../bytes";
import { kindOf } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { showShape, sizeOf, type Tensor } from "../tensor";

/**
 * Encodes a tensor as a NumPy file (`np.load` reads it), format version 1.0: magic, header length, a Python dictionary
 * padded to 64 bytes, the data. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * @throws {OptionError} unless it is a Tensor
 * @returns the file's bytes: little-endian float32 in the tensor's own order, rank 4 as `[N, H, W, C]`
 * @example
 * await writeFile("values.npy", encodeNpy(attribution.values));
 */
export function encodeNpy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  return guarded("encodeNpy", () => {
    const { data, shape } = tensor ?? {};
    if (!(isFloat32Array(data) && Array.isArray(shape))) {
      throw new OptionError(`encodeNpy takes a Tensor, for example attribution.values; got ${kindOf(tensor)}.`);
    }
    if (shape.length > 32 || !shape.every(Number.isInteger) || sizeOf(shape) !== data.length) {
      throw new OptionError(`encodeNpy: the shape ${showShape(shape)} is not that of ${data.length} values.`);
    }
    const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
    const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
    const prefix = 10;
    const headerBytes = Math.ceil((prefix + dictionary.length + 1) / 64) * 64 - prefix;
    const header = `${dictionary.padEnd(headerBytes - 1)}\n`;
    const bytes = new Uint8Array(prefix + headerBytes + data.byteLength);
    bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, headerBytes & 255, headerBytes >> 8]);
    bytes.set(new TextEncoder().encode(header), prefix);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), prefix + headerBytes);
    return bytes;
  });
}
