import { PbfReader } from "pbf";
import { show } from "../checks";

const convertKeras = "Convert it: tensorflowjs_converter --input_format=keras, or python -m tf2onnx.convert --keras.";

const convertSavedModel =
  "Convert its folder: tensorflowjs_converter --input_format=tf_saved_model, or python -m tf2onnx.convert --saved-model.";
const fromSource = "Export the network that it was converted from as ONNX: torch.onnx.export or tf2onnx.";
const exportTorch = "Export the network with torch.onnx.export.";
const passImage = "Pass the model's bytes here and the image to predict or explain.";
const passModel = "Pass the model's bytes here: an .onnx file, or model.json.";

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
    advice: passImage,
  },
  {
    at: 0,
    bytes: "\xff\xd8\xff",
    what: "a JPEG image",
    advice: passImage,
  },
  ...["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"].map((bytes) => ({
    at: 0,
    bytes,
    what: "a Python pickle (an old PyTorch checkpoint .pt or .pth, or a saved estimator)",
    advice: exportTorch,
  })),
  { at: 0, bytes: "GGUF", what: "a GGUF file (weights for llama.cpp)", advice: exportTorch },
  { at: 0, bytes: "\x93NUMPY", what: "a NumPy array (.npy), not a network", advice: passModel },
  { at: 0, bytes: "BZh", what: "bzip2-compressed", advice: "Decompress it first." },
  { at: 0, bytes: "\xfd7zXZ", what: "xz-compressed", advice: "Decompress it first." },
  { at: 0, bytes: "(\xb5/\xfd", what: "zstd-compressed", advice: "Decompress it first." },
  { at: 0, bytes: "7z\xbc\xaf", what: "a 7z archive", advice: "Unpack it first." },
  { at: 0, bytes: "Rar!", what: "a RAR archive", advice: "Unpack it first." },
  { at: 257, bytes: "ustar", what: "a tar archive", advice: "Unpack it and pass the model in it." },
  { at: 0, bytes: "ftrt", what: "a TensorRT engine", advice: "Use the .onnx file it was built from." },
  { at: 4, bytes: "ET12", what: "an ExecuTorch program (.pte)", advice: exportTorch },
  { at: 0, bytes: "RKNN", what: "a model of Rockchip's RKNN", advice: "Use the .onnx file it was made from." },
  {
    at: 0,
    bytes: "\0asm",
    what: "a WebAssembly module",
    advice: "Kernels are the option wasm; pass the model's bytes here.",
  },
  { at: 0, bytes: "7767517", what: "an ncnn network (.param)", advice: "Use the .onnx file it was made from." },
  { at: 0, bytes: "<?xml", what: "XML (an OpenVINO network?)", advice: "Use the .onnx file it was made from." },
  { at: 0, bytes: "GIF8", what: "a GIF image", advice: passImage },
  { at: 8, bytes: "WEBP", what: "a WebP image", advice: passImage },
  { at: 0, bytes: "%PDF", what: "a PDF document", advice: passModel },
  { at: 0, bytes: "\x89HDF", what: "an HDF5 file (Keras .h5)", advice: convertKeras },
  { at: 0, bytes: "\x1f\x8b", what: "gzip-compressed", advice: "Decompress it first." },
  {
    at: 0,
    bytes: "version https://git-lfs",
    what: "a Git LFS pointer, not the file it stands for",
    advice: "Fetch the file with git lfs pull.",
  },
  { at: 4, bytes: "ORTM", what: "a model in onnxruntime's own format", advice: "Use the .onnx file it was made from." },
];

/** Says what a file is that is certainly not ONNX, and what to do about it; undefined where it may be ONNX. */
export function describeForeignFile(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return "The model is empty (0 bytes). The download or the read before it went wrong.";
  const found = describeSafetensors(bytes) ?? describeProtobuf(bytes) ?? describeJson(bytes);
  if (found) return found;
  for (const { at, bytes: signature, what, advice } of signatures) {
    if (startsWith(bytes, at, signature)) return `The model's bytes are ${what}. ${advice}`;
  }
  if (startsWith(bytes, 0, "PK\x03\x04")) return describeArchive(bytes);
  if (isText(bytes)) {
    return `The model's bytes are text, beginning with ${show(latin1(bytes.subarray(0, 24)))}. An ONNX file is binary, model.json is JSON; a web server may have answered with an error page.`;
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
    advice: exportTorch,
  },
  {
    file: "constants.pkl",
    what: "a TorchScript archive",
    advice: "Load it with torch.jit.load and export the network with torch.onnx.export.",
  },
  { file: "com.apple.CoreML", what: "a packed Core ML model (.mlpackage)", advice: fromSource },
  { file: ".npy", what: "NumPy arrays in an archive (.npz), which hold no network", advice: passModel },
  { file: "saved_model.pb", what: "a ZIP archive with a TensorFlow SavedModel in it", advice: convertSavedModel },
  { file: ".onnx", what: "a ZIP archive with an ONNX file in it", advice: "Unpack it and pass the .onnx file." },
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

/** Eight bytes of length, then a JSON header that names the tensors. */
function describeSafetensors(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength < 10 || bytes[8] !== 0x7b) return undefined;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const header = latin1(bytes.subarray(8, 8 + Math.min(length, 256)));
  if (length < 2 || length > 1e8 || !/^\{\s*("|\})/.test(header)) return undefined;
  return `The model's bytes are weights in safetensors, without the network. Load them in Python and export the network with torch.onnx.export.`;
}

/** How many fields of a file are looked at: enough to tell formats apart. */
const mostFields = 1000;

/**
 * Formats of protocol buffers, which have no signature, by their first fields. An ONNX model has its graph in field 7, and no
 * field beyond 30.
 */
function describeProtobuf(bytes: Uint8Array): string | undefined {
  if (bytes[0] !== 0x08 && bytes[0] !== 0x0a && bytes[0] !== 0x10) return undefined;
  const fields = new Map<number, { readonly wire: number; readonly value: Uint8Array | number }>();
  const pbf = new PbfReader(bytes);
  try {
    for (let n = 0; n < mostFields && pbf.pos < pbf.length; n++) {
      const number = pbf.nextField();
      const wire = pbf.type;
      if (number === 0) return undefined;
      if (wire === 2) {
        const length = pbf.readVarint();
        const value = bytes.subarray(pbf.pos, pbf.pos + Math.min(length, 64));
        if (!fields.has(number)) fields.set(number, { wire, value });
        if (length < 0 || pbf.pos + length > pbf.length) break; // cut off, and perhaps known all the same
        pbf.pos += length;
      } else if (wire === 0) {
        const value = pbf.readVarint(true);
        if (!fields.has(number)) fields.set(number, { wire, value });
      } else {
        pbf.skip(wire);
        if (!fields.has(number)) fields.set(number, { wire, value: 0 });
      }
    }
  } catch {
    return undefined; // the reader of ONNX says what is wrong
  }
  const wireOf = (number: number): number | undefined => fields.get(number)?.wire;
  if (wireOf(7) === 2 && wireOf(1) === 0) return undefined;
  const highest = [...fields.keys()].reduce((a, b) => Math.max(a, b), 0);
  if (wireOf(1) === 0 && wireOf(2) === 2 && highest >= 200)
    return `The model's bytes are a Core ML model (.mlmodel). ${fromSource}`;
  const first = fields.get(1)?.value;
  const holdsData = [4, 5, 7, 9, 10, 11, 13].some((number) => fields.has(number));
  if (wireOf(2) === 0 && holdsData && highest <= 16) {
    return "The model's bytes are one tensor (a TensorProto, such as input_0.pb of a test data set), not a network. Pass the model.onnx it belongs to.";
  }
  if (wireOf(1) === 0 && first === 1 && wireOf(2) === 2 && highest === 2) {
    return `The model's bytes are a TensorFlow SavedModel (saved_model.pb). ${convertSavedModel}`;
  }
  if (wireOf(1) === 2 && first instanceof Uint8Array) {
    if (wireOf(100) === 2) return `The model's bytes are a Caffe model (.caffemodel). ${fromSource}`;
    // A NodeDef begins with its name and its operator.
    const isNode = first[0] === 0x0a && first[2 + (first[1] ?? 0)] === 0x12;
    if (isNode && [...fields.keys()].every((number) => number <= 5) && (wireOf(4) === 2 || !fields.has(7))) {
      return (
        "The model's bytes are a TensorFlow graph (a frozen .pb). Convert it: " +
        "python -m tf2onnx.convert --graphdef model.pb --inputs … --outputs … --output model.onnx."
      );
    }
  }
  return undefined;
}

/** JSON lists; objects are left to the reader of model.json. */
function describeJson(bytes: Uint8Array): string | undefined {
  const start = latin1(bytes.subarray(0, 4096)).trimStart();
  if (!start.startsWith("[")) return undefined;
  if (/"paths"|"weights"/.test(start)) {
    return 'The model\'s bytes are a TensorFlow.js weights manifest, which names weights and no network. Pass the model.json (with a "modelTopology") that belongs to it.';
  }
  return "The model's bytes are a JSON list, which is no network. Pass an .onnx file, or the model.json of TensorFlow.js.";
}
