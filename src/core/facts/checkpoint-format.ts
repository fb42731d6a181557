/**
 * How a safetensors checkpoint stores its linear layers: what `quantization_config` says → bytes of a matrix, packed weights, scales
 * and zero points together. Element counts of packed tensors are never parameter counts, so sizes start from the true shapes.
 */
import type { Bytes } from "../units.ts";
import { InputError } from "./input-error.ts";
import { type TensorShape, weightCount } from "./tensor.ts";

/** Bytes of a matrix of `rows` outputs by `width` inputs. */
export interface CheckpointFormat {
  readonly name: string;
  readonly matrixBytes: (width: number, rows: number) => Bytes;
  /** output head stored like the other linear layers */
  readonly quantizesHead: boolean;
}

type Config = Readonly<Record<string, unknown>>;

const HALF_BYTES = 2;
const FLOAT_BYTES = 4;

function isConfig(value: unknown): value is Config {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole number in a range, or the default when the key is absent. */
function count(config: Config, key: string, fallback: number, low: number, high: number): number {
  const value = config[key] ?? fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high)
    throw new InputError(
      `quantization_config.${key} is not a whole number from ${low} to ${high}. Send the checkpoint's own config.json.`,
    );
  return value;
}

const groups = (width: number, groupSize: number) => (groupSize <= 0 ? 1 : Math.ceil(width / groupSize));

/** Integer weights in groups, an f16 scale and a packed zero point each; act-order adds one 32-bit group index per input (AutoGPTQ's QuantLinear, AutoAWQ's WQLinear_GEMM buffers). */
function groupedIntegers(
  name: string,
  bits: number,
  groupSize: number,
  zeroPoints: boolean,
  groupIndex: boolean,
  quantizesHead: boolean,
): CheckpointFormat {
  return {
    name,
    quantizesHead,
    matrixBytes: (width, rows) => {
      const groupCount = groups(width, groupSize) * rows;
      const zeros = zeroPoints ? (groupCount * bits) / 8 : 0;
      return (
        Math.ceil((width * rows * bits) / 8 + groupCount * HALF_BYTES + zeros) + (groupIndex ? width * FLOAT_BYTES : 0)
      );
    },
  };
}

/** Small floats in groups of one scale byte (OCP microscaling MXFP4: 32 weights; NVFP4: 16 weights and one f32 for the matrix). */
function scaledFloats(name: string, bits: number, groupSize: number, matrixScaleBytes: Bytes): CheckpointFormat {
  return {
    name,
    quantizesHead: false,
    matrixBytes: (width, rows) =>
      Math.ceil((width * rows * bits) / 8) + groups(width, groupSize) * rows + matrixScaleBytes,
  };
}

/** FP8 with an f32 scale per block (DeepSeek-V3's `weight_scale_inv`, 128 × 128) or per output row. */
function fp8(blockWidth: number, blockRows: number): CheckpointFormat {
  return {
    name: "fp8",
    quantizesHead: false,
    matrixBytes: (width, rows) =>
      width * rows + Math.ceil(width / blockWidth) * Math.ceil(rows / blockRows) * FLOAT_BYTES,
  };
}

/** NF4 blocks of 64 with an f32 maximum each, or 8-bit maxima with one f32 per 256 of them; int8 rows with an f32 scale (bitsandbytes functional.py). */
function bitsandbytes(config: Config): CheckpointFormat {
  const four = config["load_in_4bit"] === true;
  const nested = config["bnb_4bit_use_double_quant"] === true;
  return {
    name: four ? "bitsandbytes 4-bit" : "bitsandbytes 8-bit",
    quantizesHead: false,
    matrixBytes: (width, rows) => {
      if (!four) return width * rows + rows * FLOAT_BYTES;
      const blocks = Math.ceil((width * rows) / 64);
      const maxima = nested ? blocks + Math.ceil(blocks / 256) * FLOAT_BYTES : blocks * FLOAT_BYTES;
      return Math.ceil((width * rows) / 2) + maxima;
    },
  };
}

/** compressed-tensors: the first group's weight scheme stands for all linear layers. */
function compressedTensors(config: Config): CheckpointFormat {
  const schemes = isConfig(config["config_groups"]) ? Object.values(config["config_groups"]) : [];
  const scheme = schemes.find(isConfig);
  const weights = scheme !== undefined && isConfig(scheme["weights"]) ? scheme["weights"] : {};
  const bits = count(weights, "num_bits", 8, 2, 16);
  const groupSize = weights["group_size"] === null ? 0 : count(weights, "group_size", 0, -1, 65_536);
  if (weights["type"] === "float")
    return bits === 4 ? scaledFloats("nvfp4", 4, groupSize || 16, FLOAT_BYTES) : fp8(Number.MAX_SAFE_INTEGER, 1);
  return groupedIntegers(
    "compressed-tensors",
    bits,
    groupSize,
    weights["symmetric"] === false,
    weights["actorder"] === "group",
    false,
  );
}

function unquantized(bytesPerWeight: number): CheckpointFormat {
  return {
    name: `${8 * bytesPerWeight}-bit`,
    quantizesHead: true,
    matrixBytes: (width, rows) => width * rows * bytesPerWeight,
  };
}

/**
 * @param config `quantization_config` (Transformers) or `quantization` (MLX); undefined = stored as `dtype`
 * @throws InputError for a method that is not known here
 */
export function checkpointFormat(config: unknown, dtype: "f32" | "f16" | "bf16" = "bf16"): CheckpointFormat {
  if (config === undefined || config === null) return unquantized(dtype === "f32" ? FLOAT_BYTES : HALF_BYTES);
  if (!isConfig(config))
    throw new InputError("quantization_config is not an object. Send the checkpoint's own config.json.");
  const method = config["quant_method"] ?? (config["group_size"] !== undefined ? "mlx" : undefined);
  const bits = count(config, "bits", 4, 2, 8);
  const headIsLinear = config["lm_head"] === true;
  switch (method) {
    case "gptq":
      return groupedIntegers("gptq", bits, count(config, "group_size", 128, -1, 65_536), true, true, headIsLinear);
    case "awq":
      return groupedIntegers("awq", bits, count(config, "group_size", 128, -1, 65_536), true, false, false);
    case "bitsandbytes":
      return bitsandbytes(config);
    case "fp8": {
      const block = Array.isArray(config["weight_block_size"]) ? config["weight_block_size"].map(Number) : [];
      return fp8(block[1] ?? Number.MAX_SAFE_INTEGER, block[0] ?? 1);
    }
    case "compressed-tensors":
      return compressedTensors(config);
    case "mxfp4":
      return scaledFloats("mxfp4", 4, 32, 0);
    case "modelopt":
      return config["quant_algo"] === "FP8"
        ? fp8(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
        : scaledFloats("nvfp4", 4, 16, 2 * FLOAT_BYTES);
    case "mlx": {
      // mx.quantize keeps a scale and a bias of the model's half type for every group; the embedding and the head are quantized too
      const groupSize = count(config, "group_size", 64, 16, 1024);
      const matrixBytes = (width: number, rows: number) =>
        Math.ceil((width * rows * bits) / 8) + groups(width, groupSize) * rows * 2 * HALF_BYTES;
      return { name: `mlx ${bits}-bit`, quantizesHead: true, matrixBytes };
    }
    default:
      throw new InputError(
        `The quantization method ${JSON.stringify(method)?.slice(0, 40)} is not known here. Send a GPTQ, AWQ, bitsandbytes, FP8, compressed-tensors, NVFP4, MXFP4 or MLX checkpoint.`,
      );
  }
}

/** Linear layers of the repeating blocks, by llama.cpp's names: matrices that are no norm, router, convolution or embedding. */
function isLinear({ name, shape }: TensorShape): boolean {
  return (
    /^blk\.\d+\..*\.weight$/.test(name) &&
    shape.length >= 2 &&
    !/norm|ffn_gate_inp|ssm_conv1d|shortconv\.conv/.test(name)
  );
}

/** Bytes of all tensors of a model in a checkpoint format; what the format leaves alone is stored in two bytes a weight. */
export function checkpointBytes(shapes: readonly TensorShape[], format: CheckpointFormat): Bytes {
  let bytes = 0;
  for (const tensor of shapes) {
    const [width = 1, rows = 1, matrices = 1] = tensor.shape;
    const isHead = tensor.name === "output.weight" || tensor.name === "token_embd.weight";
    bytes +=
      isLinear(tensor) || (isHead && format.quantizesHead)
        ? format.matrixBytes(width, rows) * matrices
        : weightCount(tensor) * HALF_BYTES;
  }
  return bytes;
}
