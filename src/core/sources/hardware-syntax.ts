/**
 * Splits a hardware expression into its parts; knows no device.
 * `2x rtx-3090 + custom(memory=24GiB), ram=64GiB` → devices with counts and options, then host facts.
 */
import { closestNames } from "../facts/closest.ts";
import { InputError } from "../facts/input-error.ts";

export interface DevicePart {
  readonly count: number;
  /** undefined for `custom(…)` */
  readonly name: string | undefined;
  readonly options: ReadonlyMap<string, string>;
}

export interface HardwareSyntax {
  readonly devices: readonly DevicePart[];
  readonly host: ReadonlyMap<string, string>;
}

const MAX_LENGTH = 1000;
/** llama.cpp schedules at most 16 devices (GGML_SCHED_MAX_BACKENDS, ggml-backend.cpp:750 of v0.5.0); a plan over hosts may name more. */
export const MAX_DEVICES = 64;
const HOST_KEYS = ["ram", "ram-bandwidth", "cores"];
const CUSTOM_KEYS = ["memory", "bandwidth", "fp16", "fp32", "backend"];
const EXAMPLE = "2x rtx-3090, ram=64GiB";

/** Splits at `separator` outside of parentheses. */
function splitOutside(text: string, separator: "," | "+"): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "(") depth++;
    else if (character === ")") depth--;
    if (character === separator && depth === 0 && joins(text, i, separator)) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts.map((part) => part.trim());
}

/**
 * Names hold both signs too. A plus sign joins between blanks ("AI MAX+ 395" is one name); a comma separates before a blank or a fact
 * ("rockchip,rk3588s" is one name, "rtx-4090,ram=64GiB" is not).
 */
function joins(text: string, at: number, separator: "," | "+"): boolean {
  const next = text[at + 1] ?? " ";
  if (separator === "+") return (text[at - 1] ?? " ") === " " && next === " ";
  return next === " " || /^[^,+()]*=/.test(text.slice(at + 1));
}

function readOptions(parts: readonly string[], allowed: readonly string[], where: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const part of parts) {
    const match = /^([a-z0-9_ -]+?)\s*=\s*(.+)$/i.exec(part);
    const key = match?.[1]?.toLowerCase().replaceAll("_", "-");
    if (match === null || key === undefined) {
      throw new InputError(
        `"${part.slice(0, 60)}" is not a fact of the form key=value. After ${where} write ${allowed.join(", ")}, as in "${EXAMPLE}".`,
      );
    }
    if (!allowed.includes(key)) {
      const nearest = closestNames(key, allowed, 1)[0] ?? allowed[0];
      throw new InputError(
        `${where} has no fact "${key}". Did you mean "${nearest}"? Known are ${allowed.join(", ")}.`,
      );
    }
    if (options.has(key)) throw new InputError(`"${key}" is given twice. Give it once.`);
    options.set(key, match[2] ?? "");
  }
  return options;
}

function readDevice(text: string): DevicePart {
  const counted = /^(\d{1,9})\s*[x×*]\s+(.+)$/i.exec(text) ?? /^(\d{1,2})[x×](?=[a-z])(.+)$/i.exec(text);
  const count = counted === null ? 1 : Number(counted[1]);
  const name = (counted?.[2] ?? text).trim();
  if (count < 1 || count > MAX_DEVICES)
    throw new InputError(`${count} devices of a kind is out of range. Send 1 to ${MAX_DEVICES}.`);
  if (name === "") throw new InputError(`A device has no name. Write devices joined by " + ", as in "${EXAMPLE}".`);
  const custom = /^custom\s*\((.*)\)$/is.exec(name);
  if (custom === null) {
    if (/^custom\b/i.test(name)) {
      throw new InputError(
        `"${name.slice(0, 60)}" does not say what the device has. Write custom(memory=24GiB, bandwidth=936GBps, fp16=142TFLOPS, backend=cuda).`,
      );
    }
    return { count, name, options: new Map() };
  }
  const inside = splitOutside(custom[1] ?? "", ",").filter((part) => part !== "");
  return { count, name: undefined, options: readOptions(inside, CUSTOM_KEYS, "custom(…)") };
}

/** Throws `InputError` with what is wrong and what to send. */
export function parseHardwareSyntax(expression: string): HardwareSyntax {
  const text = expression.trim();
  if (text === "")
    throw new InputError(`The hardware expression is empty. Send "local" or devices, as in "${EXAMPLE}".`);
  if (text.length > MAX_LENGTH)
    throw new InputError(`The hardware expression has ${text.length} characters. Send at most ${MAX_LENGTH}.`);
  const [devices = "", ...facts] = splitOutside(text, ",");
  return {
    devices: splitOutside(devices, "+").map(readDevice),
    host: readOptions(facts, HOST_KEYS, "the list of devices"),
  };
}
