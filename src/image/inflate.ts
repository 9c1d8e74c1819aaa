import { messageOf } from "../checks";
import { Adler32 } from "./checksums";
import { damaged } from "./png-chunks";

/** Bytes handed to the inflater at once: deflate makes at most 1032 of one, so that 16 MB are the most it can hold. */
const stepBytes = 16 * 1024;
const mostExpansion = 1032;
const headerBytes = 2;
const trailerBytes = 4;

/**
 * Inflates a zlib stream (RFC 1950) piece by piece, and stops as soon as more comes out than should.
 *
 * @param pieces  the stream as it is stored
 * @param size    bytes that have to come out
 * @param take    called with what came out; the view is valid until it returns
 * @param hear    awaited between two pieces: lets whoever waits give it up
 * @throws {InputError} if less or more comes out, or the checksum does not match
 */
export async function inflate(
  pieces: readonly Uint8Array[],
  size: number,
  take: (bytes: Uint8Array) => void,
  hear?: () => Promise<void>,
): Promise<void> {
  const { Inflate } = await import("fflate");
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length < headerBytes + trailerBytes || length * mostExpansion < size) {
    throw damaged(`${length} bytes of data cannot hold its ${size} bytes of pixels`);
  }
  checkHeader(byteAt(pieces, 0), byteAt(pieces, 1));
  const checksum = new Adler32();
  let total = 0;
  const inflater = new Inflate((bytes) => {
    total += bytes.length;
    if (total > size) throw damaged("its data hold more pixels than its header says");
    checksum.add(bytes);
    take(bytes);
  });
  let left = length - headerBytes - trailerBytes;
  for (const step of stepsOf(pieces, headerBytes, left)) {
    left -= step.length;
    try {
      inflater.push(step, left === 0);
    } catch (error) {
      if (isFromInflater(error)) throw damaged(`its data cannot be inflated (${messageOf(error)})`);
      throw error;
    }
    if (hear) await hear();
  }
  if (total < size) throw damaged(`its data end after ${total} of ${size} bytes of pixels`);
  const stored = [4, 3, 2, 1].reduce((value, back) => value * 256 + byteAt(pieces, length - back), 0);
  if (stored !== checksum.value) throw damaged("the checksum of its data (Adler-32) is wrong");
}

/** fflate's errors carry a number. */
const isFromInflater = (error: unknown): boolean => error instanceof Error && "code" in error;

function checkHeader(method: number, flags: number): void {
  const isDeflate = (method & 15) === 8 && method >> 4 <= 7;
  if (!isDeflate || (method * 256 + flags) % 31 !== 0 || (flags & 0x20) !== 0) {
    throw damaged("its data do not begin as a zlib stream does");
  }
}

function byteAt(pieces: readonly Uint8Array[], position: number): number {
  let from = 0;
  for (const piece of pieces) {
    if (position < from + piece.length) return piece[position - from];
    from += piece.length;
  }
  return 0;
}

/** The stream's bytes from `from` on, `count` of them, in steps. */
function* stepsOf(pieces: readonly Uint8Array[], from: number, count: number): Generator<Uint8Array> {
  let [skip, left] = [from, count];
  for (const piece of pieces) {
    for (let at = Math.min(skip, piece.length); at < piece.length && left > 0; at += stepBytes) {
      const step = piece.subarray(at, Math.min(piece.length, at + stepBytes, at + left));
      left -= step.length;
      yield step;
    }
    skip = Math.max(0, skip - piece.length);
  }
}
