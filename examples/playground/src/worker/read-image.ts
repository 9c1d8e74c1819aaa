import { decodeImage, type ImageLike } from "seethrough";
import { canvasOf } from "./pictures";

/** PNG and JPEG are decoded by the library, the same bits everywhere; other formats by the browser, if it can. */
export async function readImage(file: Blob): Promise<ImageLike> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return await decodeImage(bytes);
  } catch (error) {
    const bitmap = await createImageBitmap(file).catch(() => undefined);
    // What neither can read is described best by the library.
    if (!bitmap || isPngOrJpeg(bytes)) throw error;
    const { width, height } = bitmap;
    const [, context] = canvasOf(width, height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, width, height);
  }
}

/** A damaged PNG or JPEG stays an error: half a picture would be explained as if it were whole. */
const isPngOrJpeg = ([first, second]: Uint8Array): boolean =>
  (first === 0x89 && second === 0x50) || (first === 0xff && second === 0xd8);
