import { OptionError } from "../errors";
import { guardedAsync } from "../guard";
import { checkImage, type ImageLike, type PictureData } from "../image/image";
import { Canvas, loadFont, textWidth } from "./canvas";

const largestScale = 2;
const margin = 6;

/**
 * A picture with a line of text below it, black on white. The font is loaded with the first caption; what is wider than the
 * picture is cut off.
 *
 * @returns a new picture, as wide and a line higher; captioned pictures of one size stay so for `sideBySide`
 * @throws {InputError} if the picture is empty; {OptionError} if the caption is no text
 * @example
 * const picture = overlay(image, await gradCam(model, image));
 * const sheet = sideBySide([await captioned(image, "cat"), await captioned(picture, "grad-cam")]);
 */
export async function captioned(image: ImageLike, caption: string): Promise<PictureData> {
  return guardedAsync("captioned", async () => {
    checkImage(image);
    if (typeof caption !== "string") throw new OptionError(`A caption is a text, got ${typeof caption}.`);
    const font = await loadFont();
    const { width, height } = image;
    const line = font.height * largestScale + 2 * margin;
    const scale = textWidth(font, caption, largestScale) + 2 * margin > width ? 1 : largestScale;
    const canvas = new Canvas(width, height + line);
    canvas.draw(image, 0, 0);
    canvas.write(font, caption, margin, height + Math.round((line - font.height * scale) / 2), scale);
    return { data: canvas.data, width, height: height + line };
  });
}
