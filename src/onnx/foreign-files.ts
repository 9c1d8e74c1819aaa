const convertKeras = "Convert it: tensorflowjs_converter --input_format=keras, or python -m tf2onnx.convert --keras.";

const signatures: readonly {
  readonly at: number;
  readonly bytes: string;
  readonly what: string;
  readonly advice: string;
}[] = [
  {
    at: 0,
    bytes: "\x89PNG",
    what: "a PNG image",
    advice: "Pass the model's bytes here and the image to predict or explain.",
  },
  {
    at: 0,
    bytes: "\xff\xd8\xff",
    what: "a JPEG image",
    advice: "Pass the model's bytes here and the image to predict or explain.",
  },
  {
    at: 0,
    bytes: "\x80\x02",
    what: "a Python pickle (an old PyTorch checkpoint)",
    advice: "Export the network with torch.onnx.export.",
  },
  { at: 0, bytes: "\x89HDF", what: "an HDF5 file (Keras .h5)", advice: convertKeras },
  {
    at: 0,
    bytes: "\x08\x01\x12",
    what: "a TensorFlow SavedModel (saved_model.pb)",
    advice:
      "Convert its folder: tensorflowjs_converter --input_format=tf_saved_model, or python -m tf2onnx.convert --saved-model.",
  },
  { at: 0, bytes: "\x1f\x8b", what: "gzip-compressed", advice: "Decompress it first." },
  {
    at: 0,
    bytes: "version https://git-lfs",
    what: "a Git LFS pointer, not the file it stands for",
    advice: "Fetch the file with git lfs pull.",
  },
  { at: 4, bytes: "TFL3", what: "a TensorFlow Lite model", advice: "Convert it: python -m tf2onnx.convert --tflite." },
  { at: 4, bytes: "ORTM", what: "a model in onnxruntime's own format", advice: "Use the .onnx file it was made from." },
];

/** Says what a file is that is certainly not ONNX, and what to do about it; undefined where it may be ONNX. */
export function describeForeignFile(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return "The model is empty (0 bytes). The download or the read before it went wrong.";
  for (const { at, bytes: signature, what, advice } of signatures) {
    if (startsWith(bytes, at, signature)) return `The model's bytes are ${what}. ${advice}`;
  }
  if (startsWith(bytes, 0, "PK\x03\x04")) return describeArchive(bytes);
  if (isText(bytes)) {
    return `The model's bytes are text, beginning with ${JSON.stringify(latin1(bytes.subarray(0, 24)))}. An ONNX file is binary, model.json is JSON; a web server may have answered with an error page.`;
  }
  return undefined;
}

/** Names of files that tell what packed them. A ZIP archive lists its files at its end. */
const packers: readonly { readonly file: string; readonly what: string; readonly advice: string }[] = [
  { file: "model.weights.h5", what: "a Keras 3 model (.keras)", advice: convertKeras },
  {
    file: "model.json",
    what: "a ZIP archive with a TensorFlow.js model in it",
    advice:
      'Unpack it and pass the path or URL of its model.json, or its files by name: { "model.json": …, "weights.bin": … }.',
  },
  {
    file: "data.pkl",
    what: "a ZIP archive with a PyTorch checkpoint in it",
    advice: "Export the network with torch.onnx.export.",
  },
];

function describeArchive(bytes: Uint8Array): string {
  const listing = new TextDecoder("latin1").decode(bytes.subarray(-65536));
  const packer = packers.find(({ file }) => listing.includes(file));
  if (packer) return `The model's bytes are ${packer.what}. ${packer.advice}`;
  return "The model's bytes are a ZIP archive (a packed model?). Unpack it, or export the network with torch.onnx.export or tf2onnx.";
}

const startsWith = (bytes: Uint8Array, at: number, signature: string): boolean =>
  latin1(bytes.subarray(at, at + signature.length)) === signature;

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** An ONNX file begins with the number 8 (field 1, the IR version), which no text file contains. */
const isText = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 64).every((byte) => (byte >= 32 && byte < 127) || (byte >= 9 && byte <= 13) || byte >= 0xc2);
