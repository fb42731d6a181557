/**
 * A layout is a list of rows, one a tensor: a name, a shape made of dimensions (ggml order: row width first) and a condition.
 * Rows are grouped in blocks that architectures share.
 */
import type { Scope } from "./scope.ts";

export type Dimension = (scope: Scope) => number;
export type Condition = (scope: Scope) => boolean;

export interface Row {
  /** full name outside the repeating layers; what follows `blk.N.` inside them */
  readonly name: string;
  readonly shape: readonly Dimension[];
  readonly when: Condition;
}

export type Block = readonly Row[];

export const always: Condition = () => true;

export function row(name: string, shape: readonly Dimension[], when: Condition = always): Row {
  return { name, shape, when };
}

/** The rows of `block`, each under one more condition. */
export function only(when: Condition, block: Block): Block {
  return block.map((one) => ({ ...one, when: (scope) => when(scope) && one.when(scope) }));
}

export const not =
  (condition: Condition): Condition =>
  (scope) =>
    !condition(scope);

export const both =
  (first: Condition, second: Condition): Condition =>
  (scope) =>
    first(scope) && second(scope);

/** Layers named `{prefix}.N.…`, `count` of them. */
export interface Stack {
  readonly prefix: string;
  readonly count: Dimension;
  readonly rows: Block;
}

export interface Architecture {
  /** tensors outside the repeating layers */
  readonly model: Block;
  readonly stacks: readonly Stack[];
  readonly defaults: Scope["options"];
}

/** An architecture with one stack of layers, named `blk.N`, `count` of them in the file. */
export function stored(count: Dimension, model: Block, rows: Block, defaults: Scope["options"] = {}): Architecture {
  return { model, stacks: [{ prefix: "blk", count, rows }], defaults };
}

/** The usual architecture: every layer that runs is in the file. */
export function blocks(model: Block, rows: Block, defaults: Scope["options"] = {}): Architecture {
  return stored((scope) => scope.hyper.layerCount, model, rows, defaults);
}
