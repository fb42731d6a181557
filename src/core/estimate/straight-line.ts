/**
 * A whole-numbered vector function of one number, known at a few points. Where four neighbouring points lie on one line in every
 * component, what is between them is read off the line; anything else must be worked out and added.
 */

export interface Sample<Value> {
  readonly at: number;
  readonly components: readonly number[];
  readonly value: Value;
}

/** Enough for every bend seen, and a bound on what is kept. */
const CAPACITY = 32;

/** Points that must agree: with three, 3 of 39,750 readings were off; with four, see the test of `rememberedCompute`. */
const CONFIRMING = 4;

export class StraightLine<Value> {
  private readonly samples: Sample<Value>[] = [];
  /** by index: from this sample to the next runs a line that others confirm */
  private readonly straight: boolean[] = [];

  /** The sample at `at`, or the components between two samples that a line joins, or undefined. */
  read(at: number): Sample<Value> | { readonly components: readonly number[]; readonly like: Value } | undefined {
    const index = this.indexOf(at);
    const right = this.samples[index];
    if (right?.at === at) return right;
    const left = this.samples[index - 1];
    if (!left || !right || this.straight[index - 1] !== true) return undefined;
    const share = (at - left.at) / (right.at - left.at);
    const components = left.components.map((low, part) => low + share * ((right.components[part] ?? 0) - low));
    return components.every(Number.isInteger) ? { components, like: left.value } : undefined;
  }

  add(sample: Sample<Value>): void {
    if (this.samples.length >= CAPACITY) {
      this.samples.length = 0;
      this.straight.length = 0;
    }
    const index = this.indexOf(sample.at);
    if (this.samples[index]?.at === sample.at) return;
    // a confirmed line that is cut in two stays one: the sample was only wanted because it was not whole-numbered
    const inside = index > 0 && this.straight[index - 1] === true;
    this.samples.splice(index, 0, sample);
    this.straight.splice(index, 0, inside);
    for (let first = Math.max(0, index - CONFIRMING + 1); first <= index; first++) this.confirm(first);
  }

  private confirm(first: number): void {
    const window = this.samples.slice(first, first + CONFIRMING);
    const left = window[0];
    const right = window[CONFIRMING - 1];
    if (!left || !right) return;
    const onLine = window.every(({ at, components }) =>
      components.every(
        (value, part) =>
          (value - (left.components[part] ?? 0)) * (right.at - left.at) ===
          ((right.components[part] ?? 0) - (left.components[part] ?? 0)) * (at - left.at),
      ),
    );
    if (onLine) this.straight.fill(true, first, first + CONFIRMING - 1);
  }

  /** Of the first sample not below `at`. */
  private indexOf(at: number): number {
    let low = 0;
    let high = this.samples.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.samples[middle]?.at ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
