/** A tool's answer for a person: indented lines, and quantities in the unit that the last word of their name says. */

type Value = unknown;

export function printable(answer: object): string {
  const { summary, ...rest } = Object.fromEntries(Object.entries(answer));
  return `${typeof summary === "string" ? `${summary}\n\n` : ""}${lines("", rest, 0).join("\n")}\n`;
}

const units: readonly (readonly [RegExp, (value: number) => string])[] = [
  [/BytesPerSecond$/, (value) => `${short(value / 1e9)} GB/s`],
  [/FlopsPerSecond$/, (value) => `${short(value / 1e12)} TFLOPS`],
  [/TokensPerSecond$/, (value) => `${Number(value.toPrecision(2))} tok/s`],
  [/Seconds$/, (value) => `${short(value)} s`],
  [/Bytes(PerToken)?$/, (value) => `${short(value / 1024 ** 3)} GiB`],
  [/Fraction$/, (value) => `${short(value * 100)} %`],
];

/** A number in the unit that its name ends in. */
export function quantity(name: string, value: number): string {
  // counts and tokens are exact: a context of 32768 is not 32770
  return (
    units.find(([ending]) => ending.test(name))?.[1](value) ?? (Number.isInteger(value) ? String(value) : short(value))
  );
}

const short = (value: number) =>
  value === 0 ? "0" : String(Number(value.toPrecision(Math.abs(value) >= 100 ? 4 : 3)));

function lines(name: string, value: Value, depth: number): readonly string[] {
  const indent = "  ".repeat(depth);
  const inline = flat(name, value);
  if (inline !== undefined) return [`${indent}${name}: ${inline}`];
  const heading = name === "" ? [] : [`${indent}${name}:`];
  const inner = name === "" ? depth : depth + 1;
  if (Array.isArray(value)) return [...heading, ...value.flatMap((item) => itemLines(name, item, inner))];
  return [
    ...heading,
    ...Object.entries(value ?? {}).flatMap(([key, child]) => (child === undefined ? [] : lines(key, child, inner))),
  ];
}

/** A list item: its first field stands behind a dash, the rest below it. */
function itemLines(name: string, item: Value, depth: number): readonly string[] {
  const indent = "  ".repeat(depth);
  const inline = flat(name, item);
  if (inline !== undefined) return [`${indent}- ${inline}`];
  const body = lines("", item, depth + 1);
  return body.map((line, index) => (index === 0 ? `${indent}- ${line.trimStart()}` : line));
}

/** What fits on one line: scalars, short lists of scalars, intervals. */
function flat(name: string, value: Value): string | undefined {
  if (value === null || value === undefined) return "-";
  if (typeof value === "number") return quantity(name, value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return "none";
    return value.every((item) => typeof item !== "object") && value.join(", ").length <= 100
      ? value.map((item) => flat(name, item)).join(", ")
      : undefined;
  }
  if ("low" in value && "mid" in value && "high" in value)
    return `${flat(name, value.mid)} (${flat("", value.low)} to ${flat("", value.high)})`;
  return Object.keys(value).length === 0 ? "none" : undefined;
}

/** Text of at most `columns` a line, broken between words. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
