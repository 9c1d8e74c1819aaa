import { InputError } from "../errors";
import { crc32 } from "./checksums";

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Colour types of the PNG specification, section 11.2.1. */
export const colourTypes = { grey: 0, truecolour: 2, indexed: 3, greyAlpha: 4, truecolourAlpha: 6 } as const;

/** Samples per pixel and the bit depths allowed, by colour type. */
const kinds: ReadonlyMap<number, { readonly samples: number; readonly depths: readonly number[] }> = new Map([
  [colourTypes.grey, { samples: 1, depths: [1, 2, 4, 8, 16] }],
  [colourTypes.truecolour, { samples: 3, depths: [8, 16] }],
  [colourTypes.indexed, { samples: 1, depths: [1, 2, 4, 8] }],
  [colourTypes.greyAlpha, { samples: 2, depths: [8, 16] }],
  [colourTypes.truecolourAlpha, { samples: 4, depths: [8, 16] }],
]);

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly samples: number;
  readonly interlaced: boolean;
}

/** The chunks that make up the pixels, checked. */
export interface PngChunks {
  readonly header: PngHeader;
  /** The zlib stream, in pieces. */
  readonly data: readonly Uint8Array[];
  /** Red, green, blue of every colour of an indexed picture. */
  readonly palette?: Uint8Array;
  /** Alpha by colour of an indexed picture; the one transparent colour, as 16-bit numbers, of another. */
  readonly transparency?: Uint8Array;
  /** The TIFF block of Exif. */
  readonly exif?: Uint8Array;
}

/**
 * Reads the chunks of a file. A malformed text or colour profile does not cost the picture, and the palette of a truecolour
 * file is only a suggestion for displays of 256 colours.
 *
 * @param checkSize  called as soon as the size is known
 * @throws {InputError} if the file is cut off, breaks a rule of the specification that its pixels depend on, or a checksum
 */
export function readChunks(bytes: Uint8Array, checkSize: (header: PngHeader) => void): PngChunks {
  if (!signature.every((byte, i) => bytes[i] === byte)) {
    throw damaged("its signature is not intact, as after a transfer in text mode");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  let header: PngHeader | undefined;
  let palette: Uint8Array | undefined;
  let transparency: Uint8Array | undefined;
  let exif: Uint8Array | undefined;
  let previous = "";
  for (let at = signature.length; ; ) {
    if (at + 12 > bytes.length) throw cutOff(bytes);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length) throw cutOff(bytes);
    const content = bytes.subarray(at + 8, end - 4);
    if (type === "CgBI") {
      throw new InputError(
        "The PNG file is one that Xcode has optimised for iPhones (CgBI), which only Apple's software reads. " +
          "Turn it back: xcrun pngcrush -revert-iphone-optimizations in.png out.png.",
      );
    }
    if (isEssential(type, header?.colourType) && crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw damaged(`the checksum of its chunk ${type} is wrong`);
    }
    if (!header) {
      if (type !== "IHDR" || length !== 13) throw damaged("it has no header");
      header = readHeader(content);
      checkSize(header);
    } else if (type === "IHDR") throw damaged("it has two headers");
    else if (type === "PLTE" && header.colourType === colourTypes.indexed) {
      if (palette) throw damaged("it has two palettes");
      if (data.length > 0) throw damaged("its palette follows its pixels");
      if (length === 0 || length % 3 !== 0 || length > 256 * 3) throw damaged(`its palette has ${length} bytes`);
      palette = content;
    } else if (type === "tRNS" && hasTransparency(header.colourType)) {
      if (transparency) throw damaged("it has two transparency chunks (tRNS)");
      if (data.length > 0) throw damaged("its transparency (tRNS) follows its pixels");
      checkTransparency(header, content, palette);
      transparency = content;
    } else if (type === "IDAT") {
      if (data.length > 0 && previous !== "IDAT") throw damaged("other chunks stand between its data");
      data.push(content);
    } else if (type === "eXIf") exif ??= content;
    else if (type === "IEND") break;
    else if (isCritical(type) && type !== "PLTE")
      throw damaged(`it needs a chunk ${printable(type)}, which no standard knows`);
    previous = type;
    at = end;
  }
  if (data.length === 0) throw damaged("it has no pixels (IDAT)");
  if (header.colourType === colourTypes.indexed && !palette) throw damaged("its palette is missing");
  return { header, data, ...(palette && { palette }), ...(transparency && { transparency }), ...(exif && { exif }) };
}

function readHeader(content: Uint8Array): PngHeader {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const [depth, colourType, compression, filter, interlace] = content.subarray(8);
  const kind = kinds.get(colourType);
  if (!kind) throw damaged(`its colour type is ${colourType}`);
  if (!kind.depths.includes(depth)) {
    throw damaged(
      `colour type ${colourType} with ${depth} bits per sample is forbidden; allowed are ${kind.depths.join(", ")}`,
    );
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw damaged(`its compression, filter and interlace methods are ${compression}, ${filter}, ${interlace}`);
  }
  return {
    width: view.getUint32(0),
    height: view.getUint32(4),
    depth,
    colourType,
    samples: kind.samples,
    interlaced: interlace === 1,
  };
}

function checkTransparency(
  { colourType, samples }: PngHeader,
  { length }: Uint8Array,
  palette: Uint8Array | undefined,
): void {
  if (colourType === colourTypes.indexed) {
    if (!palette) throw damaged("its transparency (tRNS) comes before its palette");
    if (length > palette.length / 3) {
      throw damaged(`its transparency (tRNS) has ${length} entries, its palette ${palette.length / 3}`);
    }
  } else if (length !== samples * 2) {
    throw damaged(`its transparency (tRNS) has ${length} bytes, not ${samples * 2}`);
  }
}

const hasTransparency = (colourType: number): boolean =>
  ([colourTypes.grey, colourTypes.truecolour, colourTypes.indexed] as number[]).includes(colourType);

const isEssential = (type: string, colourType = -1): boolean =>
  ["IHDR", "IDAT", "IEND"].includes(type) ||
  (type === "PLTE" && colourType === colourTypes.indexed) ||
  (type === "tRNS" && hasTransparency(colourType));

/** A capital first letter: without this chunk the picture cannot be shown (section 5.4). */
const isCritical = (type: string): boolean => (type.charCodeAt(0) & 0x20) === 0;

const printable = (type: string): string => JSON.stringify(type);

export const damaged = (reason: string): InputError => new InputError(`The PNG file is damaged: ${reason}.`);

const cutOff = (bytes: Uint8Array): InputError =>
  new InputError(`The PNG file stops half way, after ${bytes.length} bytes: its end marker is missing.`);
