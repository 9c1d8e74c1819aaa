import { channelsOf, checkImage, type ImageLike } from "./image";

/**
 * Encodes a picture as PNG. The encoder is loaded at the first call.
 *
 * @returns the file's bytes
 * @throws {InputError} if the picture is empty or its data do not fill its size
 */
export async function encodePng(image: ImageLike): Promise<Uint8Array> {
  checkImage(image);
  const { encode } = await import("fast-png");
  const { width, height, data } = image;
  return encode({ width, height, data, channels: channelsOf(image), depth: 8 });
}
