/**
 * ggml's graph allocator over shapes: which tensors live at the same time, and how high each buffer's best-fit free list grows.
 * Fragmentation counts, so every rule is mirrored: order of allocation, in-place reuse, when a tensor is freed, ties.
 * Source: ggml/src/ggml-alloc.c:214-360 (free list), :590-830 (graph) of llama.cpp v0.5.0.
 */
import type { BufferLayout } from "../../facts/hardware.ts";
import { rowBytes, type TensorType, tensorTypes } from "../../facts/tensor-type.ts";
import { type Bytes, padTo } from "../../units.ts";
import { inPlaceOps, type Node, nodeBytes, sameLayout, UNPLACED } from "./node.ts";

/** What the scheduler hands over: evaluation order with copies between devices, each with the backend whose buffer holds it. */
export interface Schedule {
  readonly nodes: readonly Node[];
  readonly nodeBackends: readonly number[];
  readonly leaves: readonly Node[];
  readonly leafBackends: readonly number[];
  /** every node and leaf has a `slot` below this */
  readonly slotCount: number;
}

/** Free blocks by address; the last one has no end. */
class FreeList {
  private readonly offsets: number[] = [0];
  private readonly sizes: number[] = [Number.POSITIVE_INFINITY];
  /** one past the highest byte ever used */
  peakBytes: Bytes = 0;

  /** The smallest earlier block that fits (the later one of equals), else the endless last one. */
  allocate(size: Bytes): number {
    const { offsets, sizes } = this;
    const last = sizes.length - 1;
    let best = last;
    let bestSize = Number.POSITIVE_INFINITY;
    for (let index = 0; index < last; index++) {
      const blockSize = sizes[index] ?? 0;
      if (blockSize >= size && blockSize <= bestSize) {
        best = index;
        bestSize = blockSize;
      }
    }
    const offset = offsets[best] ?? 0;
    const left = (sizes[best] ?? 0) - size;
    if (left === 0) {
      offsets.splice(best, 1);
      sizes.splice(best, 1);
    } else {
      offsets[best] = offset + size;
      sizes[best] = left;
    }
    if (offset + size > this.peakBytes) this.peakBytes = offset + size;
    return offset;
  }

  /**
   * Joins the first block that touches it, at either end, and then that block's neighbour. Blocks of no size take part
   * (tensors without elements are allocated too), which is why the order of the two checks matters.
   */
  free(offset: number, size: Bytes): void {
    const { offsets, sizes } = this;
    for (let index = 0; index < offsets.length; index++) {
      const start = offsets[index] ?? 0;
      const blockSize = sizes[index] ?? 0;
      if (start + blockSize === offset) {
        sizes[index] = blockSize + size;
        this.join(index, index + 1);
        return;
      }
      if (offset + size === start) {
        offsets[index] = offset;
        sizes[index] = blockSize + size;
        if (index > 0) this.join(index - 1, index);
        return;
      }
    }
    let place = 0;
    while (place < offsets.length && (offsets[place] ?? 0) < offset) place += 1;
    offsets.splice(place, 0, offset);
    sizes.splice(place, 0, size);
  }

  /** Two neighbours become one where they touch. */
  private join(first: number, second: number): void {
    const { offsets, sizes } = this;
    if (second >= offsets.length) return;
    if ((offsets[first] ?? 0) + (sizes[first] ?? 0) !== offsets[second]) return;
    sizes[first] = (sizes[first] ?? 0) + (sizes[second] ?? 0);
    offsets.splice(second, 1);
    sizes.splice(second, 1);
  }
}

/** Peak bytes of each backend's compute buffer. */
export function allocateGraph(schedule: Schedule, layouts: readonly BufferLayout[]): Bytes[] {
  return new Allocation(schedule, layouts).run();
}

/** What a tensor takes in a buffer (`get_alloc_size`): its bytes, row padding, room for copies, alignment. */
export function allocatedBytes(node: Node, layout: BufferLayout): Bytes {
  let bytes = nodeBytes(node);
  const { alignmentBytes, rowPaddingWeights, widensQuantizedCache } = layout;
  if (rowPaddingWeights > 0 && isQuantized(node.type)) {
    const rest = node.ne0 % rowPaddingWeights;
    if (rest !== 0) bytes += rowBytes(node.type, rowPaddingWeights - rest);
  }
  if (widensQuantizedCache === true && node.op === "flash_attn_ext") bytes += widenedBytes(node);
  return padTo(bytes, alignmentBytes);
}

/** f16 copies of quantized K and V (ggml-cuda/fattn-common.cuh:53-85); V that is a view of K's memory is not copied twice. */
function widenedBytes(attention: Node): Bytes {
  const [, k, v] = attention.sources;
  const copy = (node: Node | undefined): Bytes =>
    node && isQuantized(node.type) ? node.ne0 * node.ne1 * node.ne2 * node.ne3 * F16_BYTES : 0;
  const keys = padTo(copy(k), COPY_ALIGNMENT_BYTES);
  return keys + (k?.viewOf !== undefined && k.viewOf === v?.viewOf ? 0 : padTo(copy(v), COPY_ALIGNMENT_BYTES));
}

function isQuantized(type: TensorType): boolean {
  return tensorTypes[type].blockWeights > 1;
}

const F16_BYTES = 2;
const COPY_ALIGNMENT_BYTES = 128;

class Allocation {
  private readonly schedule: Schedule;
  private readonly layouts: readonly BufferLayout[];
  private readonly lists: FreeList[];
  /** by slot: users and views still to come, and where the tensor lies while `held` */
  private readonly users: Int32Array;
  private readonly views: Int32Array;
  private readonly held: Uint8Array;
  private readonly homes: Int16Array;
  private readonly offsets: Float64Array;

  constructor(schedule: Schedule, layouts: readonly BufferLayout[]) {
    this.schedule = schedule;
    this.layouts = layouts;
    this.lists = layouts.map(() => new FreeList());
    this.users = new Int32Array(schedule.slotCount);
    this.views = new Int32Array(schedule.slotCount);
    this.held = new Uint8Array(schedule.slotCount);
    this.homes = new Int16Array(schedule.slotCount);
    this.offsets = new Float64Array(schedule.slotCount);
  }

  run(): Bytes[] {
    const { nodes, nodeBackends, leaves, leafBackends } = this.schedule;
    leaves.forEach((leaf, index) => {
      this.place(leaf, leafBackends[index] ?? 0);
    });
    nodes.forEach((node, index) => {
      this.countUses(node, nodeBackends[index] ?? 0);
    });
    nodes.forEach((node, index) => {
      const backend = nodeBackends[index] ?? 0;
      for (const source of node.sources) this.place(source, backend);
      this.place(node, backend);
      for (const source of node.sources) this.release(source);
    });
    return this.lists.map(({ peakBytes }) => peakBytes);
  }

  /** Inputs are placed before anything is computed, so that nothing overwrites them. */
  private countUses(node: Node, backend: number): void {
    if (node.viewOf !== undefined && node.op !== "none") this.add(this.views, node.viewOf.slot, 1);
    if (node.input) this.place(node, backend);
    for (const source of node.sources) {
      this.add(this.users, source.slot, 1);
      if (source.input) this.place(source, backend);
    }
  }

  private add(counts: Int32Array, slot: number, change: number): number {
    const count = (counts[slot] ?? 0) + change;
    counts[slot] = count;
    return count;
  }

  private place(node: Node, backend: number): void {
    if (node.viewOf !== undefined || node.device !== UNPLACED || this.held[node.slot] === 1) return;
    this.held[node.slot] = 1;
    if (inPlaceOps.has(node.op) && this.placeOverSource(node)) return;
    this.homes[node.slot] = backend;
    this.offsets[node.slot] = this.list(backend).allocate(this.bytes(node, backend));
  }

  /** Writes over the first source that has no other user, no view, no flag against it and the same layout. */
  private placeOverSource(node: Node): boolean {
    for (const source of node.sources) {
      const slot = source.slot;
      if (this.held[slot] !== 1 || source.output || this.users[slot] !== 1 || this.views[slot] !== 0) continue;
      if (source === node || !sameLayout(node, source)) continue;
      this.homes[node.slot] = this.homes[slot] ?? 0;
      this.offsets[node.slot] = this.offsets[slot] ?? 0;
      this.held[slot] = 0;
      return true;
    }
    return false;
  }

  private release(source: Node): void {
    const users = this.add(this.users, source.slot, -1);
    if (users !== 0 || this.views[source.slot] !== 0) return;
    const owner = source.viewOf;
    if (owner === undefined) {
      if (this.held[source.slot] === 1) this.free(source);
    } else if (
      this.add(this.views, owner.slot, -1) === 0 &&
      this.users[owner.slot] === 0 &&
      this.held[owner.slot] === 1
    ) {
      this.free(owner);
    }
  }

  private free(node: Node): void {
    if (node.output) return;
    const backend = this.homes[node.slot] ?? 0;
    this.list(backend).free(this.offsets[node.slot] ?? 0, this.bytes(node, backend));
    this.held[node.slot] = 0;
  }

  private list(backend: number): FreeList {
    const list = this.lists[backend];
    if (list === undefined) throw new RangeError(`backend ${backend} has no buffer`);
    return list;
  }

  private bytes(node: Node, backend: number): Bytes {
    const layout = this.layouts[backend];
    if (layout === undefined) throw new RangeError(`backend ${backend} has no buffer`);
    return allocatedBytes(node, layout);
  }
}
