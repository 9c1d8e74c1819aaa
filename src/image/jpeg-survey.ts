import { InputError } from "../errors";

export interface JpegFrame {
  /** The second byte of its marker: 0xc0 and 0xc1 sequential, 0xc2 progressive, above not decoded here. */
  readonly marker: number;
  readonly precision: number;
  readonly width: number;
  readonly height: number;
  readonly components: readonly { readonly id: number; readonly across: number; readonly down: number }[];
}

/** What the markers of a file say (ITU-T T.81, annex B). */
export interface JpegSurvey {
  readonly frame: JpegFrame;
  /** The TIFF block of the first Exif segment. */
  readonly exif?: Uint8Array;
}

/** Encoders write up to a dozen; 64 coefficients with all their bits take more only on purpose. */
const maxScans = 100;
/** Blocks of coefficients that all scans together may visit: a second's work. */
const maxVisits = 2e8;

/**
 * Walks the markers without decoding, so that nothing is decoded that would take for ever or come to nothing.
 *
 * @param checkSize  called as soon as the size is known
 * @throws {InputError} if the file is cut off, contradicts itself, has less data than its pixels take, or is not 8-bit
 *   baseline or progressive
 */
export function surveyJpeg(bytes: Uint8Array, checkSize: (frame: JpegFrame) => void): JpegSurvey {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: JpegFrame | undefined;
  let exif: Uint8Array | undefined;
  let complete = false;
  let [scans, codedBytes] = [0, 0];
  const scanned = new Set<number>();
  for (let at = 2; at + 1 < bytes.length; ) {
    const marker = bytes[at + 1];
    // Entropy-coded bytes and fill bytes.
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++;
      codedBytes++;
      continue;
    }
    // A stuffed zero, TEM and restart markers have no segment.
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      codedBytes++;
      continue;
    }
    if (marker === 0xd9) {
      complete = true;
      break;
    }
    if (at + 4 > bytes.length) break;
    const end = at + 2 + Math.max(2, view.getUint16(at + 2));
    const segment = bytes.subarray(at + 4, end);
    if (isFrame(marker) && segment.length >= 6) {
      if (frame) throw damaged("it has two frame headers");
      frame = readFrame(marker, segment);
      checkSize(frame);
    } else if (marker === 0xda) {
      scans++;
      for (let i = 0; i < segment[0]; i++) scanned.add(segment[1 + i * 2]);
      if (scans > maxScans)
        throw new InputError(`The JPEG file has more than ${maxScans} scans; pictures have a dozen.`);
    } else if (marker === 0xe1 && startsWith(segment, "Exif\0\0")) {
      exif ??= segment.subarray(6);
    }
    at = end;
  }
  if (!complete) {
    throw new InputError(`The JPEG file stops half way, after ${bytes.length} bytes: its end marker is missing.`);
  }
  if (!frame) throw damaged("it has no frame header");
  checkKind(frame);
  if (scans === 0) throw damaged("it has no scan, and so no pixels");
  if (!frame.components.every(({ id }) => scanned.has(id))) throw damaged("a colour component has no scan");
  checkAmount(frame, scans, codedBytes);
  return { frame, ...(exif && { exif }) };
}

function readFrame(marker: number, segment: Uint8Array): JpegFrame {
  const count = segment[5];
  const components = Array.from({ length: Math.min(count, Math.floor((segment.length - 6) / 3)) }, (_, i) => {
    const [id, sampling] = segment.subarray(6 + i * 3);
    return { id, across: sampling >> 4, down: sampling & 15 };
  });
  return {
    marker,
    precision: segment[0],
    height: segment[1] * 256 + segment[2],
    width: segment[3] * 256 + segment[4],
    components,
  };
}

function checkKind({ marker, precision, components }: JpegFrame): void {
  if (marker > 0xc2) {
    throw new InputError(
      "The JPEG file is lossless, hierarchical or arithmetic-coded; baseline and progressive files are decoded. Save it again as one of these.",
    );
  }
  if (precision !== 8) {
    throw new InputError(`The JPEG file has ${precision} bits per sample; 8 are decoded. Save it with 8.`);
  }
  if (![1, 3, 4].includes(components.length)) {
    throw new InputError(
      `The JPEG file has ${components.length} colour components; 1 (grey), 3 (colour) and 4 (CMYK) are decoded. Save it as one of these.`,
    );
  }
}

/** A block takes two bits at least, its level and its end; in a progressive file one, and several blocks can end together. */
function checkAmount(frame: JpegFrame, scans: number, codedBytes: number): void {
  const { marker, width, height, components } = frame;
  const [widest, tallest] = [
    Math.max(...components.map(({ across }) => across)),
    Math.max(...components.map(({ down }) => down)),
  ];
  const blocks = components.reduce(
    (sum, { across, down }) =>
      sum + Math.ceil((width * across) / widest / 8) * Math.ceil((height * down) / tallest / 8),
    0,
  );
  if (codedBytes * 8 < blocks * (marker === 0xc2 ? 1 : 2)) {
    throw damaged(`${codedBytes} bytes of data cannot hold ${width}×${height} pixels`);
  }
  if (blocks * scans > maxVisits) {
    throw new InputError(
      `The JPEG file has ${scans} scans of ${width}×${height} pixels, which would take too long to decode.`,
    );
  }
}

const damaged = (reason: string): InputError => new InputError(`The JPEG file is damaged: ${reason}.`);

/** SOF0 to SOF15; C4, C8 and CC are other segments. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  [...text].every((character, i) => bytes[i] === character.charCodeAt(0));
