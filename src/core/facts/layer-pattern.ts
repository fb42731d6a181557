/** Sets of layers as regular expressions of digit classes, without the letters that cut an `-ot` list. */

/** Whole numbers low…high as parts of an alternation: `1[0-9]`, `2[0-4]`. */
function rangeParts(low: number, high: number): string[] {
  const parts: string[] = [];
  let from = low;
  while (from <= high) {
    const tens = Math.floor(from / 10);
    const last = Math.min(high, tens * 10 + 9);
    const prefix = tens > 0 ? String(tens) : "";
    const a = from % 10;
    const b = last % 10;
    parts.push(prefix + (a === b ? String(a) : `[${a}-${b}]`));
    from = last + 1;
  }
  return parts;
}

const alternation = (parts: readonly string[]): string =>
  parts.length === 1 ? (parts[0] ?? "") : `(${parts.join("|")})`;

/** Neighbouring whole tens share one class: `1[0-9]`, `2[0-9]` → `[1-2][0-9]`. */
function joinTens(parts: readonly string[]): string[] {
  const joined: string[] = [];
  for (let at = 0; at < parts.length; at++) {
    const first = /^(\d*)(\d)(\[\d-\d\]|\d)$/.exec(parts[at] ?? "");
    let end = at;
    for (;;) {
      const next = /^(\d*)(\d)(\[\d-\d\]|\d)$/.exec(parts[end + 1] ?? "");
      if (!first || !next || next[1] !== first[1] || next[3] !== first[3]) break;
      if (Number(next[2]) !== Number(first[2]) + (end + 1 - at)) break;
      end++;
    }
    if (first && end > at) joined.push(`${first[1]}[${first[2]}-${Number(first[2]) + (end - at)}]${first[3]}`);
    else joined.push(parts[at] ?? "");
    at = end;
  }
  return joined;
}

/** Whole numbers low…high: `(1[0-9]|2[0-4])`. Matches exactly those, given digit borders. */
export function rangePattern(low: number, high: number): string {
  return alternation(joinTens(rangeParts(low, high)));
}

/** Any set of layers: `([0-3]|1[2-5]|28)`. Matches exactly those, given digit borders. */
export function layersPattern(layers: readonly number[]): string {
  const sorted = [...new Set(layers)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; at++) {
    const low = sorted[at] ?? 0;
    let high = low;
    while (sorted[at + 1] === high + 1) {
      high++;
      at++;
    }
    parts.push(...rangeParts(low, high));
  }
  return alternation(joinTens(parts));
}
