declare module "oled-font-5x7" {
  /** Five bytes per character, one per column, the lowest bit at the top; characters in the order of `lookup`. */
  const font: {
    readonly width: number;
    readonly height: number;
    readonly fontData: readonly number[];
    readonly lookup: readonly string[];
  };
  export default font;
}
